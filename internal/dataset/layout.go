package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"iris/internal/literal"
)

// layout says which cell of a record is which feature, and which cell is the label.
type layout struct {
	features []string // in schema order
	labelAt  int      // index of the label's cell
	label    string   // name of the class column
	given    bool     // the class column is not a guess
	at       []int    // cell -> index into features; -1 for the label and for cells that are not read
	header   bool     // the first record is a header
	line     int      // of the first record
	index    bool     // the first column has no name: it holds the row numbers of pandas
	extra    []string // features that the model does not have
	order    []string // the features in the order of the file or of the request
}

// newLayout decides from the first record, which begins on the given line.
func newLayout(first []string, line int, o ScanOptions) (*layout, error) {
	names, labelAt, header, err := columnNames(first, line, o)
	if err != nil {
		return nil, err
	}
	return layoutOfNames(names, labelAt, header, line, o)
}

// schemaLayout is the layout of a file that was read before, with the schema that was found.
func schemaLayout(first []string, line int, o ScanOptions) (*layout, error) {
	schema := o.Schema
	if o.Known == nil {
		o.Known = schema
	}
	names, _, header, err := columnNames(first, line, o)
	if err != nil {
		return nil, err
	}
	l := &layout{
		features: schema.Features, label: schema.Label, labelAt: slices.Index(names, schema.Label),
		header: header, line: line, at: make([]int, len(names)),
	}
	if missing := without(append(slices.Clone(schema.Features), schema.Label), names); len(missing) > 0 {
		return nil, differs(missing, nil, schema.Label, line)
	}
	l.place(names)
	return l, nil
}

// columnNames returns the names of the columns and the index of the class column.
//
// The record is data, not a header, if every cell except the label's is a number, unless the options say that there is
// a header or the record has the model's names. The columns are then Known's features in order, with the label last: a
// file without names cannot be read in any other order.
func columnNames(first []string, line int, o ScanOptions) (names []string, labelAt int, header bool, err error) {
	if len(first) < 2 {
		return nil, 0, false, &RowError{
			Line: line, Reason: "only one column: want features and a class column, separated by commas",
		}
	}
	names = make([]string, len(first))
	for i, cell := range first {
		names[i] = strings.Clone(literal.Trim(cell))
	}
	labelAt, err = labelColumn(names, line, o)
	known := o.Known != nil && len(without(append(slices.Clone(o.Known.Features), o.Known.Label), names)) == 0
	if o.Header != HeaderTrue && !known && allNumbers(names, labelAt) {
		if err := checkKnown(len(first), line, o); err != nil {
			return nil, 0, false, err
		}
		return append(slices.Clone(o.Known.Features), o.Known.Label), len(first) - 1, false, nil
	}
	if err == nil {
		err = checkNames(names, line)
	}
	return names, labelAt, true, err
}

// labelColumn finds the class column among the names. If none fits, it returns the last one, with an error if the
// options name another.
func labelColumn(names []string, line int, o ScanOptions) (int, error) {
	last := len(names) - 1
	if o.LabelColumn != "" {
		if i := slices.Index(names, o.LabelColumn); i >= 0 {
			return i, nil
		}
		return last, &RowError{
			Line:   line,
			Reason: fmt.Sprintf("no class column %s among %s", Shown(o.LabelColumn), Listed(names)),
		}
	}
	if o.Known != nil {
		if i := slices.Index(names, o.Known.Label); i >= 0 {
			return i, nil
		}
	}
	return last, nil
}

func allNumbers(cells []string, but int) bool {
	for i, cell := range cells {
		if _, ok := ParseCell(cell); !ok && i != but {
			return false
		}
	}
	return true
}

// checkKnown refuses a file without a header that does not have the model's columns.
func checkKnown(columns, line int, o ScanOptions) error {
	const noHeader = "the first row is numbers, so the file has no header, "
	refuse := func(format string, args ...any) error {
		return &RowError{Line: line, Reason: noHeader + fmt.Sprintf(format, args...)}
	}
	if o.Known == nil {
		return refuse("and there is no earlier schema to take the column names from: add a header line, " +
			"or set header=true if the names are numbers")
	}
	if o.LabelColumn != "" && o.LabelColumn != o.Known.Label {
		return refuse("and its class column, the last one, is %s, not %s", Shown(o.Known.Label), Shown(o.LabelColumn))
	}
	if n := len(o.Known.Features); columns != n+1 {
		return refuse("and it has %d columns, want %d: %s and the class %s",
			columns, n+1, Listed(o.Known.Features), Shown(o.Known.Label))
	}
	return nil
}

// checkNames refuses a header with names that nobody can refer to.
func checkNames(names []string, line int) error {
	seen := make(map[string]int, len(names))
	for i, name := range names {
		reason := badName(name)
		if name == "" && i == 0 && len(names) > 2 {
			continue // the index of pandas
		}
		if name == "" {
			reason = "empty"
		}
		if reason != "" {
			return &RowError{Line: line, Reason: fmt.Sprintf("the name of column %d is %s", i+1, reason)}
		}
		if first, twice := seen[name]; twice {
			return &RowError{Line: line, Column: name, Reason: fmt.Sprintf("columns %d and %d have the same name", first+1, i+1)}
		}
		seen[name] = i
	}
	return nil
}

// badName says why a text cannot name a column or a class. Names end up in JSON, in metric names and on pages. It
// returns "" for a good name.
func badName(name string) string {
	switch {
	case len(name) > maxName:
		return fmt.Sprintf("longer than %d bytes", maxName)
	case !utf8.ValidString(name):
		return "not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "not printable, it holds a control character (lines must end in LF or CRLF)"
	}
	return ""
}

// layoutOfNames maps the named columns to features. The order is Known's if the names are Known's, else the requested
// order, else the order of the file.
func layoutOfNames(names []string, labelAt int, header bool, line int, o ScanOptions) (*layout, error) {
	l := &layout{
		labelAt: labelAt, label: names[labelAt], header: header, at: make([]int, len(names)), line: line,
		given: o.LabelColumn != "" || o.Known != nil || o.Features != nil, index: names[0] == "",
	}
	l.features = slices.Delete(slices.Clone(names), labelAt, labelAt+1)
	if l.index && labelAt != 0 {
		l.features = l.features[1:]
	}
	if err := o.checkColumns(l.features); err != nil {
		return nil, err
	}
	if o.Features != nil {
		if err := checkFeatures(o.Features, l.features, l.label); err != nil {
			return nil, err
		}
		l.features = slices.Clone(o.Features)
	}
	l.features = slices.DeleteFunc(l.features, func(name string) bool { return o.Columns[name] == Ignore })
	l.order = l.features
	if o.Known != nil {
		missing := without(o.Known.Features, l.features)
		extra := without(l.features, o.Known.Features)
		switch {
		case len(missing) == 0:
			l.features = append(slices.Clone(o.Known.Features), extra...)
			l.extra = extra
		case !o.AllowSchemaChange:
			return nil, differs(missing, extra, l.label, line)
		}
	}
	l.place(names)
	return l, nil
}

// place finds the features among the names of the cells.
func (l *layout) place(names []string) {
	index := make(map[string]int, len(l.features))
	for i, name := range l.features {
		index[name] = i
	}
	for i, name := range names {
		l.at[i] = -1
		if at, read := index[name]; read && i != l.labelAt {
			l.at[i] = at
		}
	}
}

// checkColumns refuses kinds of columns that are not there, and words that are not a kind. The class column has no
// kind.
func (o *ScanOptions) checkColumns(features []string) error {
	for _, name := range slices.Sorted(maps.Keys(o.Columns)) {
		reason := ""
		switch kind := o.Columns[name]; {
		case !slices.Contains(features, name):
			reason = "is not a column of features: " + Listed(features)
		case kind != Ignore && !slices.Contains(Kinds(), Kind(kind)):
			reason = fmt.Sprintf("is %s, want one of %v or %s", Shown(kind), Kinds(), Ignore)
		}
		if reason != "" {
			return &RowError{Pointer: "/columns/" + PointerToken(name), Reason: Shown(name) + " " + reason}
		}
	}
	return nil
}

// checkFeatures refuses chosen features that are not columns beside the class column. The error points into the
// choice.
func checkFeatures(chosen, columns []string, label string) error {
	if len(chosen) == 0 {
		return &RowError{Pointer: "/features", Reason: "is empty: name at least one column"}
	}
	for i, name := range chosen {
		reason := ""
		switch {
		case name == label:
			reason = "is the class column"
		case !slices.Contains(columns, name):
			reason = "is not a column of the data: " + Listed(columns)
		case slices.Contains(chosen[:i], name):
			reason = "is given twice"
		}
		if reason != "" {
			return &RowError{Pointer: "/features/" + strconv.Itoa(i), Reason: Shown(name) + " " + reason}
		}
	}
	return nil
}

// differs is the error for a header that does not fit the known schema.
func differs(missing, extra []string, label string, line int) error {
	reason := "the columns differ from the model's:"
	if len(missing) > 0 {
		reason += " missing " + Listed(missing) + ";"
	}
	if len(extra) > 0 {
		reason += " not expected " + Listed(extra) + ";"
	}
	reason += " the class column is " + Shown(label)
	if slices.ContainsFunc(extra, func(name string) bool { _, ok := ParseCell(name); return ok }) {
		reason += " (is the header line missing?)"
	}
	return &RowError{Line: line, Reason: reason}
}

// without returns the elements of a that are not in b, in the order of a.
func without(a, b []string) []string {
	have := make(map[string]bool, len(b))
	for _, name := range b {
		have[name] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return have[name] })
}
