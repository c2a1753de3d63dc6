package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/tablefile"
	"iris/model"
)

// maxDataset limits the size of a dataset, in bytes. dataset.Scan enforces it too, but the size of an object is known
// before it is read.
const maxDataset = 1 << 30

// ValidateDatasetInput is the dataset of a training, and how to read it.
type ValidateDatasetInput struct {
	Model             string `json:"model"`
	URI               string `json:"uri,omitempty"` // "" is the bundled iris data
	LabelColumn       string `json:"label_column,omitempty"`
	AllowSchemaChange bool   `json:"allow_schema_change,omitempty"`

	CellRules
	LeaveOutIDs bool `json:"leave_out_ids,omitempty"` // columns that look like identifiers do not become features

	tablefile.Reading // how the object is written

	Features    []string           `json:"features,omitempty"`     // columns to read; nil is all
	ClassWeight *model.ClassWeight `json:"class_weight,omitempty"` // the dataset must have its classes

	model.DecisionRequest // the dataset must have two classes for it

	Spec     *model.Spec `json:"spec,omitempty"` // to fit, nil if a search will choose it; for the memory it needs
	TestSize float64     `json:"test_size,omitempty"`
	// CrossValidated means that the training cross-validates, for which the dataset must have enough rows.
	CrossValidated bool `json:"cross_validated,omitempty"`
}

// Dataset is a validated dataset: where its bytes are, and how to read them. The schema and the profile grow with the
// number of columns, so they are objects too.
type Dataset struct {
	SHA256            string       `json:"sha256"`
	Source            string       `json:"source"` // where it was read from
	Data              objstore.Ref `json:"data"`
	View              objstore.Ref `json:"view"` // a catalogue.View
	LabelColumn       string       `json:"label_column,omitempty"`
	AllowSchemaChange bool         `json:"allow_schema_change,omitempty"`
	Rows              int          `json:"rows"`
	Features          int          `json:"features"`
	Classes           int          `json:"classes"`
	// Inputs is nil if all features are numbers and none is missing.
	Inputs *model.Inputs `json:"inputs,omitempty"`

	// Findings are for the status of the training. The workflow removes them from the inputs of later activities.
	Findings *Findings `json:"findings,omitempty"`
}

// ValidateDataset checks a whole dataset by the rules of dataset.Scan and stores it under its hash, so that the same
// bytes are always the same dataset. Running it twice is safe: the keys are the hash and the id of the run.
func (a *Activities) ValidateDataset(ctx context.Context, in ValidateDatasetInput) (Dataset, error) {
	_, stop := beat(ctx)
	defer stop()
	d, err := a.validateDataset(ctx, in)
	return d, translate(ctx, err)
}

func (a *Activities) validateDataset(ctx context.Context, in ValidateDatasetInput) (Dataset, error) {
	known, err := a.knownSchema(ctx, in.Model)
	if err != nil {
		return Dataset{}, err
	}
	fetched, err := a.fetch(ctx, in)
	if err != nil {
		return Dataset{}, err
	}
	source, copied := fetched.source, fetched.data
	rules, err := a.cellRules(ctx, in.CellRules, copied)
	if err != nil {
		return Dataset{}, err
	}
	options := rules.Options()
	options.Known, options.LabelColumn, options.Features = known, in.LabelColumn, in.Features
	options.AllowSchemaChange, options.LeaveOutIDs, options.MaxBytes = in.AllowSchemaChange, in.LeaveOutIDs, maxDataset
	options.Header = fetched.header
	summary, sum, err := a.scan(ctx, fetched, options)
	if err == nil {
		err = in.ClassWeight.Check(summary.Schema)
	}
	if err == nil && in.Spec != nil {
		err = in.Spec.Suits(summary.Schema)
	}
	if err == nil {
		err = in.CheckClasses(summary.Schema)
	}
	if err == nil {
		options.Schema = &summary.Schema
		err = a.inspect(ctx, copied, options, in.CrossValidated, &summary)
	}
	if err != nil {
		return Dataset{}, errors.Join(fmt.Errorf("%s: %w", source, err), a.drop(ctx, copied))
	}
	d := Dataset{
		SHA256: sum, Source: source, LabelColumn: in.LabelColumn, AllowSchemaChange: in.AllowSchemaChange,
		Rows: summary.Profile.Rows, Features: len(summary.Schema.Features), Classes: len(summary.Schema.Classes),
		Inputs: model.InputsOf(summary.Schema), Findings: NewFindings(summary),
	}
	if err := a.checkMemory(d, in.Spec, in.TestSize); err != nil {
		return Dataset{}, errors.Join(fmt.Errorf("%s: %w", source, err), a.drop(ctx, copied))
	}
	if d.Data, err = a.keep(ctx, copied, sum); err != nil {
		return Dataset{}, err
	}
	if err := a.addSource(ctx, d.SHA256, in.URI, fetched.converted); err != nil {
		return Dataset{}, err
	}
	view := catalogue.View{
		Schema: summary.Schema, Profile: summary.Profile, Features: in.Features, Known: known,
		Header: options.Header, Warnings: summary.Warnings, LabelReason: summary.LabelReason,
		Dropped: summary.Dropped,
	}
	d.View, err = a.catalogue.WriteView(ctx, d.SHA256, view)
	return d, err
}

// cellRules adds the kinds that people gave to columns of a dataset of the catalogue.
func (a *Activities) cellRules(ctx context.Context, rules CellRules, data objstore.Ref) (CellRules, error) {
	digest, ok := objstore.DatasetDigest(data.Key)
	if !ok || !a.catalogue.Holds(data) {
		return rules, nil
	}
	columns, err := a.catalogue.Columns(ctx, digest)
	return rules.over(columns), err
}

// addSource records where a dataset came from. A dataset that was read from the catalogue as it is has a source
// already.
func (a *Activities) addSource(ctx context.Context, digest, uri string, converted bool) error {
	if uri == "" {
		return a.catalogue.AddSource(ctx, digest, catalogue.Source{Kind: catalogue.SourceBundled})
	}
	if ref, err := objstore.ParseURI(uri); err == nil && !converted && a.catalogue.Holds(ref) {
		return nil
	}
	return a.catalogue.AddSource(ctx, digest, catalogue.Source{Kind: catalogue.SourceS3, URI: uri})
}

// knownSchema returns the schema of a model, nil if it has none yet.
func (a *Activities) knownSchema(ctx context.Context, modelName string) (*dataset.Schema, error) {
	s, err := a.o.Registry.Schema(ctx, modelName)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// checkReadable rejects objects that a request may not read.
func (a *Activities) checkReadable(ref objstore.Ref) error {
	if err := a.catalogue.CheckReadable(ref); err != nil {
		return fmt.Errorf("%w: %w", errMissingData, err)
	}
	return nil
}

// keep makes an object a dataset and removes the copy that fetch made.
func (a *Activities) keep(ctx context.Context, copied objstore.Ref, sum string) (objstore.Ref, error) {
	copied.SHA256 = sum
	kept, err := a.catalogue.Keep(ctx, copied)
	if err != nil {
		return objstore.Ref{}, err
	}
	return kept, a.drop(ctx, copied)
}

// drop removes the copy that fetch made, if it made one.
func (a *Activities) drop(ctx context.Context, copied objstore.Ref) error {
	if !strings.HasPrefix(copied.Key, objstore.UploadsPrefix) {
		return nil
	}
	return a.o.Store.Delete(ctx, copied.Bucket, copied.Key)
}
