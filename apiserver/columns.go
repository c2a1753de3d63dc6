package apiserver

import "iris/internal/dataset"

// ModelColumn describes the values of a feature.
type ModelColumn struct {
	Name    string       `json:"name"`
	Kind    dataset.Kind `json:"kind" enum:"numeric,boolean,categorical,datetime,text"`
	Levels  int          `json:"levels,omitempty" doc:"Of a categorical feature: number of texts that count on their own. All others count as one."`
	Top     []string     `json:"top,omitempty" nullable:"false" doc:"The most frequent texts."`
	Missing bool         `json:"missing,omitempty" doc:"Values may be missing."`
}

// columnsOf describes the features of a schema, nil if all of them are numbers and none may be missing.
func columnsOf(schema dataset.Schema) []ModelColumn {
	if schema.Plain() {
		return nil
	}
	const most = 10
	columns := make([]ModelColumn, len(schema.Features))
	for i, feature := range schema.Features {
		c := schema.Column(i)
		columns[i] = ModelColumn{
			Name: feature, Kind: c.Kind, Levels: len(c.Levels), Top: c.Levels[:min(len(c.Levels), most)], Missing: c.Missing,
		}
	}
	return columns
}
