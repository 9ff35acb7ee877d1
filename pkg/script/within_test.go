package script

import (
	"strings"
	"testing"
	"time"
)

func TestWithin(t *testing.T) {
	t.Parallel()
	// 2024-03-25 is a Monday; on 2024-03-31 Berlin's clocks went from 02:00 to
	// 03:00, on 2024-10-27 from 03:00 back to 02:00.
	f := func(text, zone, at string, want bool) {
		t.Helper()
		s, err := parseSchedule(text, zone)
		if err != nil {
			t.Errorf("parseSchedule(%q): %v", text, err)
			return
		}
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.contains(when.UnixMilli()); got != want {
			t.Errorf("%q in %s contains %s: %t, not %t", text, zone, at, got, want)
		}
	}
	const office = "Mon-Fri 08:45-18:00"
	f(office, "UTC", "2024-03-25T08:44:59.999Z", false)
	f(office, "UTC", "2024-03-25T08:45:00Z", true)
	f(office, "UTC", "2024-03-25T17:59:59.999Z", true)
	f(office, "UTC", "2024-03-25T18:00:00Z", false)
	f(office, "UTC", "2024-03-29T12:00:00Z", true)
	f(office, "UTC", "2024-03-30T12:00:00Z", false)
	f(office, "UTC", "2024-03-31T12:00:00Z", false)
	f(office, "Europe/Berlin", "2024-03-25T07:45:00Z", true)
	f(office, "Europe/Berlin", "2024-04-01T06:45:00Z", true)
	f(office, "Asia/Kolkata", "2024-03-25T03:15:00Z", true)
	f(office, "Asia/Kolkata", "2024-03-25T03:14:00Z", false)

	const night = "22:00-06:00"
	f(night, "UTC", "2024-03-25T21:59:00Z", false)
	f(night, "UTC", "2024-03-25T22:00:00Z", true)
	f(night, "UTC", "2024-03-26T00:00:00Z", true)
	f(night, "UTC", "2024-03-26T05:59:00Z", true)
	f(night, "UTC", "2024-03-26T06:00:00Z", false)

	const friday = "Fri 22:00-06:00" // it belongs to the day on which it begins
	f(friday, "UTC", "2024-03-29T05:00:00Z", false)
	f(friday, "UTC", "2024-03-29T22:00:00Z", true)
	f(friday, "UTC", "2024-03-30T05:59:00Z", true)
	f(friday, "UTC", "2024-03-30T22:00:00Z", false)

	f("Sat,Sun 10:00-14:00", "UTC", "2024-03-30T10:00:00Z", true)
	f("Sat,Sun 10:00-14:00", "UTC", "2024-03-29T10:00:00Z", false)
	f("Fri-Mon", "UTC", "2024-03-25T23:59:59Z", true)
	f("Fri-Mon", "UTC", "2024-03-26T00:00:00Z", false)
	f("Fri-Mon", "UTC", "2024-03-29T00:00:00Z", true)
	f("mon", "UTC", "2024-03-25T00:00:00Z", true)
	f("00:00-24:00", "UTC", "2024-03-25T23:59:59.999Z", true)
	f("18:00-00:00", "UTC", "2024-03-25T23:59:00Z", true)
	f("18:00-00:00", "UTC", "2024-03-26T00:00:00Z", false)
	f(office+"; Sat 10:00-12:00", "UTC", "2024-03-30T11:00:00Z", true)
	f(office+"; Sat 10:00-12:00", "UTC", "2024-03-30T12:00:00Z", false)

	f("02:00-03:00", "Europe/Berlin", "2024-03-31T00:59:59Z", false) // 01:59:59
	f("02:00-03:00", "Europe/Berlin", "2024-03-31T01:00:00Z", false) // 03:00: the hour is skipped
	f("02:00-03:00", "Europe/Berlin", "2024-10-27T00:30:00Z", true)  // it comes twice
	f("02:00-03:00", "Europe/Berlin", "2024-10-27T01:30:00Z", true)
	f("02:00-03:00", "Europe/Berlin", "2024-10-27T02:00:00Z", false)
}

func TestWithinErrors(t *testing.T) {
	t.Parallel()
	f := func(text, zone, want string) {
		t.Helper()
		_, err := parseSchedule(text, zone)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("parseSchedule(%q, %q) gives %v, not %s", text, zone, err, want)
		}
	}
	f("Mon", "", `"" is no time zone`)
	f("Mon", "../etc/passwd", `"../etc/passwd" is no time zone`)
	f("Mon", "Local", `"Local" is no time zone`)
	f("", "UTC", `"" is no span of the week`)
	f("Mon;", "UTC", `"" is no span of the week`)
	f("Mon 08:00-09:00 x", "UTC", `"Mon 08:00-09:00 x" is no span of the week`)
	f("08:00-09:00 Mon", "UTC", `"08:00-09:00 Mon" is no span of the week`)
	f("Montag", "UTC", `"Montag" is no day`)
	f("Mon-", "UTC", `"" is no day`)
	f("Mon 08:00", "UTC", `"08:00" is no span of the day`)
	f("Mon 8:00-9:00", "UTC", `"8:00" is no time of day`)
	f("Mon 08:00-09:60", "UTC", `"09:60" is no time of day`)
	f("Mon 08:00-09:00-10:00", "UTC", `"09:00-10:00" is no time of day`)
	f("Mon 24:00-01:00", "UTC", `"24:00-01:00" is empty`)
	f("Mon 00:00-00:00", "UTC", `"00:00-00:00" is empty`)
}

// TestTime checks that the time of evaluation, and no other, is what counts.
func TestTime(t *testing.T) {
	t.Parallel()
	p := compile(t, `within("Mon-Fri 08:00-18:00", "UTC") and now or -now`)
	f := func(at, want string) {
		t.Helper()
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Run(Env{Now: when.UnixMilli(), Data: memory(nil)})
		if err != nil || format(v) != want {
			t.Errorf("at %s Run gives %s %v, not %s", at, format(v), err, want)
		}
	}
	f("2024-03-25T12:00:00.5Z", "1711368000.5")
	f("2024-03-25T20:00:00Z", "-1711396800")
	f("2024-03-25T12:00:00Z", "1711368000")
	f("2024-03-30T12:00:00Z", "-1711800000")
}
