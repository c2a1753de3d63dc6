package activities

import (
	"math"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
)

// inputColumns returns the features as MLflow's signature describes the input of a model. The cells of a truth value
// and of a date have the type any: a data frame has them as text or as values, and with gaps as both.
func inputColumns(s *dataset.Schema) []mlflow.Column {
	return columnsOf(s, map[dataset.Kind]string{
		dataset.Numeric: "double", dataset.Categorical: "string", dataset.Text: "string",
		dataset.Boolean: "any", dataset.Datetime: "any",
	})
}

// datasetColumns returns the features as MLflow describes a dataset.
func datasetColumns(s *dataset.Schema) []mlflow.Column {
	return columnsOf(s, map[dataset.Kind]string{
		dataset.Numeric: "double", dataset.Categorical: "string", dataset.Text: "string",
		dataset.Boolean: "boolean", dataset.Datetime: "datetime",
	})
}

func columnsOf(s *dataset.Schema, types map[dataset.Kind]string) []mlflow.Column {
	columns := make([]mlflow.Column, 0, len(s.Features)+1)
	for i, name := range s.Features {
		column := s.Column(i)
		columns = append(columns, mlflow.Column{Name: name, Type: types[column.Kind], Optional: column.Missing})
	}
	return columns
}

// typicalRow returns an example of the input of a model: means and the most frequent levels, so that it discloses no
// actual row.
func typicalRow(s *dataset.Schema, p dataset.Profile) []any {
	row := make([]any, 0, len(s.Features))
	for i := range s.Features {
		mean := p.Columns[i].Mean
		switch column := s.Column(i); {
		case column.Kind == dataset.Categorical && len(column.Levels) > 0:
			row = append(row, column.Levels[0])
		case column.Kind == dataset.Categorical, column.Kind == dataset.Text:
			row = append(row, "")
		case column.Kind == dataset.Boolean:
			row = append(row, mean >= 0.5)
		case column.Kind == dataset.Datetime:
			row = append(row, time.Unix(int64(math.Floor(mean))*86400, 0).UTC().Format(time.DateOnly))
		default:
			row = append(row, mean)
		}
	}
	return row
}
