package design

import (
	"slices"
	"strings"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// ONNX adds an input per feature of the schema and what Encode does to g, and makes the result the rows of g.
func (d *Design) ONNX(g *onnx.Graph, s *dataset.Schema) {
	var parts []string
	for i, name := range s.Features {
		c, column := &d.Columns[i], s.Column(i)
		if c.Groups != nil {
			g.Input(name, onnx.String)
			parts = append(parts, d.onnxCategory(g, c, name, column, s.MissingValues)...)
		} else {
			g.Input(name, onnx.Double)
			parts = append(parts, c.onnxNumbers(g, name, column)...)
		}
	}
	g.Features = d.inputs
	g.Rows = g.Node("Concat", parts, onnx.Int("axis", 1))
}

func toDouble(g *onnx.Graph, value string) string {
	return g.Node("Cast", []string{value}, onnx.Int("to", int(onnx.Double)))
}

// onnxCategory adds the inputs of a category and returns their names.
func (d *Design) onnxCategory(
	g *onnx.Graph,
	c *Column,
	feature string,
	column dataset.Column,
	missing []string,
) []string {
	keys := slices.Clone(column.Levels)
	codes := make([]int, len(keys))
	for code := range codes {
		codes[code] = code
	}
	if column.Missing {
		for _, word := range missingTexts(column.Levels, missing) {
			keys, codes = append(keys, word), append(codes, len(column.Levels)+1)
		}
	}
	var code string
	if len(keys) > 0 {
		code = g.Codes(feature, keys, codes, len(column.Levels))
	} else {
		code = g.Codes(feature, []string{""}, []int{0}, 0) // every text is an unseen one
	}
	group := g.Node("Gather", []string{g.Ints("groups", c.Groups...), code})
	if c.OneHot {
		all := make([]int, c.groups)
		for k := range all {
			all[k] = k
		}
		group = g.Node("Equal", []string{group, g.Ints("group", all...)}) // [N, groups]
	}
	parts := []string{toDouble(g, group)}
	if c.Statistics != nil {
		table := g.Doubles("statistics", c.Statistics, len(c.Groups), len(d.Classes))
		row := g.Node("Squeeze", []string{code, g.Ints("axis", 1)})
		parts = append(parts, g.Node("Gather", []string{table, row}))
	}
	return parts
}

// missingTexts returns the texts that mean that a value is missing, in their usual spellings: ONNX compares texts
// exactly, unlike dataset.Cells. A level is never one of them.
func missingTexts(levels, words []string) []string {
	if words == nil {
		words = dataset.DefaultMissing()
	}
	texts := []string{""}
	for _, word := range words {
		lower := strings.ToLower(word)
		title := lower
		if lower != "" {
			title = strings.ToUpper(lower[:1]) + lower[1:]
		}
		texts = append(texts, word, lower, strings.ToUpper(word), title)
		if lower == "nan" {
			texts = append(texts, "NaN")
		}
	}
	slices.Sort(texts)
	return slices.DeleteFunc(slices.Compact(texts), func(text string) bool { return slices.Contains(levels, text) })
}

// onnxNumbers adds the inputs of a number, a truth value or a date, and returns their names.
func (c *Column) onnxNumbers(g *onnx.Graph, feature string, column dataset.Column) []string {
	isMissing := ""
	if column.Missing {
		isMissing = g.Node("IsNaN", []string{feature})
	}
	date := onnxDate{Graph: g, days: feature}
	var parts []string
	for _, n := range c.Numbers {
		value := feature
		if n.Part != "" {
			value = date.part(n.Part)
		}
		if column.Missing {
			value = g.Node("Where", []string{isMissing, g.Doubles("missing", []float64{n.Missing}), value})
		}
		parts = append(parts, value)
	}
	if c.Indicator {
		parts = append(parts, toDouble(g, isMissing))
	}
	return parts
}
