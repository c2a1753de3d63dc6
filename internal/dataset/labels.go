package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"iris/internal/literal"
)

const minClassRows = 2 // rows that a class needs at least

// labels counts the labels of the class column.
type labels struct {
	known *Schema
	words map[string]struct{} // texts that mean that a label is missing, in lower case

	index map[string]int // label -> index into seen
	seen  []labelSeen    // in order of appearance, trimmed
	empty int            // rows without a label
	bad   *RowError      // the first label that cannot be a class
	full  int            // line of the first label beyond the limit
}

// labelSeen counts the rows of a label.
type labelSeen struct {
	text string
	rows int
	line int // of its first row
	gaps int // of them with blanks around it
}

const maxLabels = 4 * maxClasses // spellings of labels

// noClassWords are the words for a missing class. "none" and "-" are not among them: both are names of classes.
func noClassWords() []string { return []string{"na", "n/a", "nan", "null"} }

func newLabels(known *Schema, words []string) *labels {
	if words == nil {
		words = noClassWords()
	}
	return &labels{known: known, words: missingWords(words), index: map[string]int{}}
}

// add counts the label of a row and reports whether the row has one.
func (l *labels) add(label string, line int) bool {
	text := literal.Trim(label)
	if i, known := l.index[text]; known {
		l.seen[i].rows++
		if text != label {
			l.seen[i].gaps++
		}
		return true
	}
	if text == "" {
		l.empty++
		return false
	}
	if bad := badName(text); bad != "" {
		if l.bad == nil {
			l.bad = &RowError{Line: line, Reason: "the class is " + bad}
		}
		return true
	}
	if len(l.index) == maxLabels {
		l.full = cmp.Or(l.full, line)
		return true
	}
	s := labelSeen{text: strings.Clone(text), rows: 1, line: line} // a clone does not keep the whole record in memory
	if text != label {
		s.gaps = 1
	}
	l.index[s.text] = len(l.seen)
	l.seen = append(l.seen, s)
	return true
}

// found is what the labels of a class column amount to.
type found struct {
	classes  []ClassCount // sorted bytewise
	aliases  map[string]string
	noClass  int // rows
	warnings []Warning
}

// classes decides which labels are classes. name is that of the class column.
func (l *labels) classes(name string, minRows int) (found, error) {
	refuse := func(line int, format string, args ...any) (found, error) {
		return found{}, &RowError{Line: line, Column: name, Reason: fmt.Sprintf(format, args...)}
	}
	if l.bad != nil {
		l.bad.Column = name
		return found{}, l.bad
	}
	if l.full > 0 {
		return refuse(l.full, "more than %d classes: is it the class column?", maxClasses)
	}
	f := found{noClass: l.empty, aliases: map[string]string{}}
	groups := l.groups(&f)
	if len(groups) > maxClasses {
		return refuse(groups[maxClasses].line, "more than %d classes: is it the class column?", maxClasses)
	}
	if len(groups) == 0 {
		return refuse(0, "no row has a class")
	}
	if len(groups) == 1 {
		return refuse(0, "only one class, %s: want at least two", Shown(groups[0].text))
	}
	minRows = max(minRows, minClassRows)
	var rare []string
	rows, line := 0, 0
	for _, g := range groups {
		if g.rows < minRows {
			rare, rows, line = append(rare, g.text), rows+g.rows, max(line, g.line)
			continue
		}
		f.classes = append(f.classes, ClassCount{g.text, g.rows})
	}
	if len(f.classes) < 2 {
		return refuse(line, "want at least two classes with %d rows each, but these have fewer: %s", minRows, Listed(rare))
	}
	if rare != nil {
		f.warnings = append(f.warnings, Warning{Alert, CodeRareClass, name, fmt.Sprintf(
			"left out: %s of classes with fewer than %d rows, %s", count(rows, "row"), minRows, Listed(rare))})
	}
	if f.noClass > 0 {
		f.warnings = append(f.warnings, Warning{
			Alert, CodeNoClass, name,
			count(f.noClass, "row") + " without a class are left out",
		})
	}
	slices.SortFunc(f.classes, func(a, b ClassCount) int { return strings.Compare(a.Class, b.Class) })
	f.keepAliases(l.known)
	return f, nil
}

// groups merges labels of one class: aliases of the model, and equal numbers. The first groups are those that appeared
// first. Words for a missing value are left out if two other classes are left and the model does not have such a class.
func (l *labels) groups(f *found) []labelSeen {
	type group struct {
		labelSeen
		spellings []string
	}
	var groups []*group
	byName, byNumber := map[string]*group{}, map[uint64]*group{}
	for _, s := range l.seen {
		name := l.known.class(s.text)
		g := byName[name]
		v, isNumber := ParseCell(name)
		if g == nil && isNumber {
			g = byNumber[math.Float64bits(v)]
		}
		if g == nil {
			g = &group{labelSeen: labelSeen{text: name, line: s.line}}
			groups = append(groups, g)
		}
		byName[name] = g
		if isNumber {
			byNumber[math.Float64bits(v)] = g
		}
		if !slices.Contains(g.spellings, name) {
			g.spellings = append(g.spellings, name)
		}
		g.rows += s.rows
		g.gaps += s.gaps
	}
	missing := func(g *group) bool {
		return isMissing(l.words, g.text) && (l.known == nil || !slices.Contains(l.known.Classes, g.text))
	}
	others := 0
	for _, g := range groups {
		if !missing(g) {
			others++
		}
	}
	var merged []labelSeen
	var several []string
	for _, g := range groups {
		if others > 1 && missing(g) {
			f.noClass += g.rows
			continue
		}
		if g.text = l.name(g.spellings); len(g.spellings) > 1 {
			for _, s := range g.spellings {
				if s != g.text {
					f.aliases[s] = g.text
				}
			}
			several = append(several, g.text)
		}
		if g.gaps > 0 && g.gaps < g.rows && len(g.spellings) == 1 {
			several = append(several, g.text)
		}
		merged = append(merged, g.labelSeen)
	}
	if several != nil {
		f.warnings = append(f.warnings, Warning{
			Info, CodeMergedLabels, "",
			"labels that differ only by blanks or as 1 and 1.0 are one class: " + Listed(several),
		})
	}
	return merged
}

// name chooses the name of a class among its spellings: one of the model's classes, else the shortest.
func (l *labels) name(spellings []string) string {
	return slices.MinFunc(spellings, func(a, b string) int {
		if l.known != nil {
			inA, inB := slices.Contains(l.known.Classes, a), slices.Contains(l.known.Classes, b)
			if inA != inB {
				if inA {
					return -1
				}
				return 1
			}
		}
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// keepAliases keeps the aliases of classes only, and adds those of the model.
func (f *found) keepAliases(known *Schema) {
	names := make([]string, len(f.classes))
	for i, c := range f.classes {
		names[i] = c.Class
	}
	aliases := known.aliasesOf(names)
	for label, class := range f.aliases {
		if !slices.Contains(names, class) {
			continue
		}
		if aliases == nil {
			aliases = map[string]string{}
		}
		aliases[label] = class
	}
	f.aliases = aliases
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
