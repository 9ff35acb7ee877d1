package script

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A schedule is a set of times of the week in a time zone.
type schedule struct {
	location *time.Location
	parts    []schedulePart
	text     string // as it is written
}

// A schedulePart is a span of the day, from its first minute to before its
// last, on days of the week; where from is not before to, it ends on the next
// day.
type schedulePart struct {
	days     [7]bool // from Sunday
	from, to int     // minutes since midnight
}

const minutesPerDay = 24 * 60

// parseSchedule reads a list of parts, separated by semicolons: days, such as
// Mon-Fri or Sat,Sun, and a span, such as 08:45-18:00 or 22:00-06:00. Without
// days a part holds every day, without a span the whole day. The zone is one of
// the IANA database.
func parseSchedule(text, zone string) (schedule, error) {
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return schedule{}, cured(`write one of the IANA database, such as "Europe/Berlin" or "UTC"`, "%q is no time zone", zone)
	}
	s := schedule{location: location, text: text + " " + zone}
	for _, part := range strings.Split(text, ";") {
		p, err := parseSchedulePart(part)
		if err != nil {
			return schedule{}, err
		}
		s.parts = append(s.parts, p)
	}
	return s, nil
}

func parseSchedulePart(text string) (schedulePart, error) {
	p := schedulePart{to: minutesPerDay}
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return p, cured(scheduleCure, "%q is no span of the week", text)
	}
	days, span := words[0], ""
	if strings.Contains(days, ":") {
		days, span = "Sun-Sat", words[0]
		if len(words) == 2 {
			return p, cured(scheduleCure, "%q is no span of the week", text)
		}
	} else if len(words) == 2 {
		span = words[1]
	}
	for _, d := range strings.Split(days, ",") {
		first, last, isRange := strings.Cut(d, "-")
		if !isRange {
			last = first
		}
		from, err := parseDay(first)
		if err != nil {
			return p, err
		}
		to, err := parseDay(last)
		if err != nil {
			return p, err
		}
		for day := from; ; day = (day + 1) % 7 {
			p.days[day] = true
			if day == to {
				break
			}
		}
	}
	if span == "" {
		return p, nil
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return p, cured(scheduleCure, "%q is no span of the day", span)
	}
	var err error
	if p.from, err = parseTimeOfDay(first); err != nil {
		return p, err
	}
	if p.to, err = parseTimeOfDay(last); err != nil {
		return p, err
	}
	if p.from == p.to || p.from == minutesPerDay {
		return p, cured("write 00:00-24:00 for the whole day", "%q is empty", span)
	}
	return p, nil
}

const scheduleCure = `write "Mon-Fri 08:45-18:00", "Sat,Sun 10:00-14:00" or "22:00-06:00"; join several by semicolons`

var dayNames = [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

func parseDay(text string) (int, error) {
	i := slices.IndexFunc(dayNames[:], func(name string) bool { return strings.EqualFold(name, text) })
	if i < 0 {
		return 0, cured("days are "+strings.Join(dayNames[:], ", ")+"; times have minutes, as in 09:00-17:00", "%q is no day", text)
	}
	return i, nil
}

func parseTimeOfDay(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	switch {
	case text == "24:00":
		return minutesPerDay, nil
	case err != nil || len(text) != len("15:04"):
		return 0, cured("write hours and minutes as 08:45", "%q is no time of day", text)
	}
	return 60*t.Hour() + t.Minute(), nil
}

// contains reports whether a time, in milliseconds, is in the schedule. Spans
// are of the clock on the wall: a change of daylight saving moves their length.
func (s schedule) contains(ms int64) bool {
	t := time.UnixMilli(ms).In(s.location)
	minute := 60*t.Hour() + t.Minute()
	today := int(t.Weekday())
	yesterday := (today + 6) % 7
	return slices.ContainsFunc(s.parts, func(p schedulePart) bool {
		if p.from < p.to {
			return p.days[today] && p.from <= minute && minute < p.to
		}
		return p.days[today] && p.from <= minute || p.days[yesterday] && minute < p.to
	})
}

func timeFunctions() []*builtin {
	return []*builtin{
		{
			name: "now", family: familyTime, variable: true,
			doc:     "The time of evaluation, in seconds since 1970.",
			example: `mod(now, 86400)`,
			result:  isNumber,
		},
		{
			name: "within", family: familyTime, static: true,
			doc: fmt.Sprintf("Whether the time of evaluation is in a schedule: days, and a span of the day that may pass midnight; "+
				"several are separated by semicolons. Both arguments are constants; %s.", "the zone is one of the IANA database"),
			example: `within("Mon-Fri 08:45-18:00", "Europe/Berlin") and 10 or 2`,
			params:  []param{required("schedule", aString), required("zone", aString)}, result: isBoolean,
		},
	}
}
