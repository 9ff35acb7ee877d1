package preset

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gaugeway/gaugeway/pkg/config"
)

// Unknown says what to write instead of the name of a preset that there is not:
// those whose names or titles are like it, or all.
func (s *Set) Unknown(name string) (message, cure string) {
	names := s.Names()
	message = fmt.Sprintf("there is no preset %q", name)
	if near := config.Nearest(name, names); near != "" {
		return message, "did you mean " + near + "?"
	}
	if len(names) == 0 {
		return message, "there are none here"
	}
	switch like := s.like(name); len(like) {
	case 0:
		return message, "there are " + strings.Join(names, ", ")
	case 1:
		return message, "did you mean " + like[0] + "?"
	default:
		return message, "did you mean one of " + strings.Join(like, ", ") + "?"
	}
}

// shortestWord is how many letters a word has by which presets are searched.
const shortestWord = 3

// like returns the presets that a guess may mean, with their titles: those with
// all of its words in name and title; else those with some of them in the name, or
// in the title; else those with the word that differs least from it.
func (s *Set) like(guess string) []string {
	asked := slices.DeleteFunc(words(guess), func(word string) bool { return len(word) < shortestWord })
	if len(asked) == 0 {
		return nil
	}
	name := func(e entry) string { return e.Name }
	title := func(e entry) string { return e.Title }
	both := func(e entry) string { return e.Name + " " + e.Title }
	for _, found := range [][]string{s.withWords(asked, len(asked), both), s.withWords(asked, 1, name), s.withWords(asked, 1, title)} {
		if len(found) > 0 {
			return found
		}
	}
	var known []string
	for _, name := range s.Names() {
		known = append(known, words(both(s.entries[name]))...)
	}
	if near := config.Nearest(guess, known); len(near) >= shortestWord {
		return s.withWords([]string{near}, 1, both)
	}
	return nil
}

// withWords returns the presets of which a text has as many of the words at least,
// or words that begin so.
func (s *Set) withWords(asked []string, least int, text func(entry) string) []string {
	var found []string
	for _, name := range s.Names() {
		e := s.entries[name]
		known, has := words(text(e)), 0
		for _, word := range asked {
			if slices.ContainsFunc(known, func(w string) bool { return strings.HasPrefix(w, word) }) {
				has++
			}
		}
		if has >= least {
			found = append(found, name+" ("+e.Title+")")
		}
	}
	return found
}

// words returns those of a text, in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
