package apiserver

import (
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/idempotency"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

func trainingOperation(docs apidoc.Schemas, path string) huma.Operation {
	return huma.Operation{
		OperationID: apidoc.OperationID("train", path), Method: http.MethodPost, Path: path, Tags: []string{"train"},
		Summary: "Train a version",
		Description: "The data is a file, as the body or as the part `file` of a form, or an object that `data_path` " +
			"names. The file is CSV, JSON lines or Parquet, plain, in gzip, or the only file in a zip file. " +
			"Without data, the model iris trains on the bundled iris data. " +
			"The first training under a new name creates the model. Give each field once: as a parameter or in JSON.",
		Parameters: append(append(apidoc.PathParameters(path), trainingQuery()...), idempotency.Parameter(keptByTask)),
		RequestBody: &huma.RequestBody{Content: withTables(map[string]*huma.MediaType{
			"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
				"request": {
					Type: huma.TypeString, Description: "The JSON of a training without its dataset. Must come before `file`.",
				},
				"file": tableFile(),
			}}},
			"application/json": {
				Schema:  trainingJSON(),
				Example: map[string]any{"algorithm": "logistic_regression", "hyperparameters": map[string]any{"l2": 0.1}},
			},
		})},
		Responses: map[string]*huma.Response{"202": acceptedAnswer(docs)},
	}
}

func tableFile() *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Format: "binary", Description: "A table with a header and a class column.",
	}
}

// withTables adds the media types of files to those of a body.
func withTables(content map[string]*huma.MediaType) map[string]*huma.MediaType {
	for _, media := range tableMedia {
		content[media] = &huma.MediaType{Schema: tableFile()}
	}
	return content
}

// readingQuery describes the parameters that say how a file is written.
func readingQuery() []*huma.Param {
	return []*huma.Param{
		apidoc.Query("delimiter", "What separates the cells of a CSV. By default the first lines tell.", &huma.Schema{
			Type: huma.TypeString, Enum: []any{"comma", "semicolon", "tab", "pipe", ",", ";", "\t", "|"},
		}),
		apidoc.Query("decimal", "Whether numbers of a CSV have a decimal point or comma. By default the first lines tell.",
			&huma.Schema{Type: huma.TypeString, Enum: []any{"point", "comma", ".", ","}}),
		apidoc.Query(
			"encoding",
			"The encoding of a text file without a byte order mark, by its name of the WHATWG.",
			&huma.Schema{
				Type: huma.TypeString, Default: "utf-8", Examples: []any{"windows-1252"},
			},
		),
		apidoc.Query("header", "Whether the first line of a CSV names the columns. `auto`: unless it holds numbers only.",
			&huma.Schema{Type: huma.TypeString, Enum: []any{"auto", "true", "false"}, Default: "auto"}),
	}
}

// trainingJSON describes a training as JSON: the query parameters and more.
func trainingJSON() *huma.Schema {
	var ofAlgorithms []*huma.Schema
	for _, d := range descriptions() {
		ofAlgorithms = append(ofAlgorithms, hyperparameters(d))
	}
	fields := map[string]*huma.Schema{
		"model": {Type: huma.TypeString, Description: "Must be the model of the path, or absent."},
		"hyperparameters": {
			Type: huma.TypeObject, AnyOf: ofAlgorithms,
			Description: "Hyperparameters of the algorithm. Absent ones have their defaults.",
		},
		"search": searchSchema(),
		"features": {
			Type: huma.TypeArray, MinItems: new(1), UniqueItems: true, Items: &huma.Schema{Type: huma.TypeString},
			Description: "The columns to train on, in this order. Other columns are ignored, except the class column.",
		},
		"class_weight": {
			OneOf: []*huma.Schema{
				{Type: huma.TypeString, Enum: []any{"balanced"}},
				{
					Type: huma.TypeObject, MinProperties: new(1),
					AdditionalProperties: &huma.Schema{Type: huma.TypeNumber, Minimum: new(0.001), Maximum: new(1000.0)},
				},
				{Type: "null"},
			},
			Description: "The weight of a row of each class. `balanced` gives every class the same total weight. " +
				"An absent class has weight 1.",
		},
	}
	fields["costs"] = costsSchema()
	maps.Copy(fields, gateJSON())
	maps.Copy(fields, cellJSON())
	for _, p := range trainingQuery() {
		schema := *p.Schema
		schema.Description = p.Description
		switch {
		case p.Name == "data_path":
			fields["dataset_uri"] = &schema
			fields["dataset"] = &huma.Schema{
				Type: huma.TypeString, Deprecated: true, Description: "The older name of dataset_uri.",
			}
		case fields[p.Name] == nil: // JSON may say more than the query
			fields[p.Name] = &schema
		}
	}
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: fields}
}

// gateJSON describes the fields about a promotion and its records that only JSON has.
func gateJSON() map[string]*huma.Schema {
	bounds := func(description string) *huma.Schema {
		metrics := make(map[string]*huma.Schema)
		for _, name := range model.MetricNames() {
			metrics[name] = &huma.Schema{Type: huma.TypeNumber}
		}
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: metrics, Description: description}
	}
	return map[string]*huma.Schema{
		"gate": {
			Type: huma.TypeObject, AdditionalProperties: false,
			Description: "Conditions for the promotion, besides being at least as good as the champion.",
			Properties: map[string]*huma.Schema{
				"min": bounds("Lower bounds of metrics on the held-out rows."),
				"max": bounds("Upper bounds of metrics on the held-out rows."),
				"log_loss_tolerance": {
					Type: huma.TypeNumber, Minimum: new(0.0), Maximum: new(100.0), Default: workflows.DefaultLogLossTolerance,
					Description: "How far the log loss may exceed that of the champion.",
				},
				"tolerance": {
					Type: huma.TypeNumber, Minimum: new(0.0), Maximum: new(1.0), Default: 0,
					Description: "How far the accuracy may fall below that of the champion.",
				},
			},
		},
		"tags": {
			Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}, MaxProperties: new(20),
			Description: "Tags for the run and the version in MLflow. A key has up to 100 letters, digits and _ . -, " +
				"a value up to 500 bytes.",
		},
	}
}

func trainingQuery() []*huma.Param {
	algorithms := append(anyOf(model.Algorithms()), search.Auto)
	return append(slices.Concat(readingQuery(), cellQuery(), decisionQuery()), []*huma.Param{
		apidoc.Query("algorithm", "The algorithm to fit.", &huma.Schema{
			Type: huma.TypeString, Enum: algorithms, Default: workflows.DefaultAlgorithm,
		}),
		apidoc.Query("test_size", "The share of the rows to hold out.", &huma.Schema{
			Type: huma.TypeNumber, ExclusiveMinimum: new(0.0), ExclusiveMaximum: new(1.0), Default: workflows.DefaultTestSize,
		}),
		apidoc.Query("seed", "The seed of the split and of the random choices of the algorithm.", &huma.Schema{
			Type: huma.TypeInteger, Minimum: new(0.0), Default: workflows.DefaultSeed,
		}),
		apidoc.Query("label_column", "The class column. By default that of the model, or the last column for a new model.",
			&huma.Schema{Type: huma.TypeString}),
		apidoc.Query("allow_schema_change", "Accept a CSV whose features differ from those of the model.",
			&huma.Schema{Type: huma.TypeBoolean, Default: false}),
		apidoc.Query("features", "The columns to train on, as in the header of a CSV: a,b.", &huma.Schema{
			Type: huma.TypeString, Examples: []any{"petal_length,petal_width"},
		}),
		apidoc.Query("class_weight", "`balanced` gives every class the same total weight. Other weights are sent as JSON.",
			&huma.Schema{Type: huma.TypeString, Enum: []any{"balanced"}}),
		apidoc.Query("cv_folds", "Folds of the cross-validation of a trial. Without a search, the given hyperparameters are "+
			"cross-validated before they are fitted.", &huma.Schema{
			Type: huma.TypeInteger, Minimum: new(float64(search.MinFolds)), Maximum: new(float64(search.MaxFolds)),
			Examples: []any{search.DefaultCVFolds},
		}),
		apidoc.Query("repeats", "How often a trial is repeated with other folds.", &huma.Schema{
			Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(search.MaxRepeats)),
		}),
		apidoc.Query("max_trials", "The most trials of `auto` or of a search, in all rounds together.", &huma.Schema{
			Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(search.MaxBudget)),
		}),
		apidoc.Query(
			"max_runtime_seconds",
			"How long the trials of `auto` or of a search may take in all. One ends in any case. "+
				"A choice that time cut short may differ from run to run.",
			&huma.Schema{
				Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(search.MaxRuntimeSeconds)),
			},
		),
		apidoc.Query(
			"promote",
			"Who decides on the promotion. `auto`: the gate. `never`: nobody. `manual`: the gate, and then a "+
				"person (POST /tasks/{task_id}/approve).",
			&huma.Schema{
				Type: huma.TypeString, Enum: anyOf(workflows.PromotePolicies()), Default: workflows.PromoteAuto,
			},
		),
		apidoc.Query(
			"data_path",
			"An object that holds the table, s3://bucket/key; the name of a dataset; or the first 12 or more "+
				"digits of its digest.",
			&huma.Schema{
				Type: huma.TypeString, Examples: []any{"s3://iris/datasets/wine.csv"},
			},
		),
	}...)
}
