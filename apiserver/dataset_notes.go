package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/registry"
)

// DatasetPatch is the body of PATCH /datasets/{digest}.
type DatasetPatch struct {
	AddNames    []string           `json:"add_names,omitempty" nullable:"false" maxItems:"20" doc:"1 to 100 letters, digits and _ . -; a dataset has up to 20"`
	RemoveNames []string           `json:"remove_names,omitempty" nullable:"false" maxItems:"20"`
	Tags        map[string]*string `json:"tags,omitempty" nullable:"false" doc:"to set, up to 500 bytes each, or to remove: null; a dataset has up to 20"`
}

type datasetPatchInput struct {
	Digest string `path:"digest" pattern:"^[0-9a-f]{12,64}$" patternDescription:"12 to 64 lower-case hexadecimal digits" doc:"the SHA-256, or as much of its beginning as no other has" example:"ab12cd34ef56"`
	Body   DatasetPatch
}

// patchDataset changes the names and tags of a dataset.
func (s *Server) patchDataset(ctx context.Context, in *datasetPatchInput) (*datasetOutput, error) {
	found, err := s.findDataset(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	change, err := in.Body.change()
	if err != nil {
		return nil, err
	}
	if err := s.changeDataset(ctx, found.Digest, change); err != nil {
		return nil, err
	}
	return s.getDataset(ctx, &datasetInput{Digest: found.Digest})
}

// change checks what was sent.
func (p DatasetPatch) change() (registry.DatasetChange, error) {
	c := registry.DatasetChange{AddNames: p.AddNames, RemoveNames: p.RemoveNames, SetTags: map[string]string{}}
	for i, name := range p.AddNames {
		if err := registry.CheckDatasetName(name); err != nil {
			return c, problem.Invalid(problem.Fault{Pointer: fmt.Sprintf("/add_names/%d", i), Detail: err.Error()})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		value := p.Tags[key]
		if value == nil {
			c.RemoveTags = append(c.RemoveTags, key)
			continue
		}
		if err := registry.CheckDatasetTag(key, *value); err != nil {
			return c, problem.Invalid(
				problem.Fault{
					Pointer: "/tags/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(problem.Clip(key)),
					Detail:  err.Error(),
				},
			)
		}
		c.SetTags[key] = *value
	}
	return c, nil
}

// uploadNotes reads the parameters of an upload that say what the dataset is to be called.
func uploadNotes(query url.Values) (registry.DatasetChange, error) {
	c := registry.DatasetChange{SetTags: map[string]string{}}
	for name, given := range query {
		switch name {
		case "label_column", "name":
			if len(given) > 1 {
				return c, problem.Invalid(problem.Fault{Parameter: name, Detail: "is given twice"})
			}
		case "tag":
		default:
			return c, problem.Invalid(
				problem.Fault{
					Parameter: problem.Clip(name),
					Detail:    "is not a parameter of an upload: want label_column, name or tag",
				},
			)
		}
	}
	if query.Has("name") {
		c.AddNames = query["name"]
		if err := registry.CheckDatasetName(c.AddNames[0]); err != nil {
			return c, problem.Invalid(problem.Fault{Parameter: "name", Detail: err.Error()})
		}
	}
	for _, tag := range query["tag"] {
		key, value, _ := strings.Cut(tag, ":")
		err := registry.CheckDatasetTag(key, value)
		if _, twice := c.SetTags[key]; twice {
			err = errors.New("has the same key as another")
		}
		if err != nil {
			return c, problem.Invalid(
				problem.Fault{Parameter: "tag", Detail: fmt.Sprintf("%q: %s; it is written key:value", problem.Clip(tag), err)},
			)
		}
		c.SetTags[key] = value
	}
	return c, nil
}

// changeDataset notes names and tags of a dataset.
func (s *Server) changeDataset(ctx context.Context, digest string, c registry.DatasetChange) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err := s.Registry.ChangeDataset(ctx, digest, c)
	if errors.Is(err, registry.ErrTooMany) {
		return problem.New(
			http.StatusUnprocessableEntity,
			fmt.Sprintf(
				"a dataset has up to %d names and %d tags: nothing was changed",
				registry.MaxDatasetNames,
				registry.MaxDatasetTags,
			),
		)
	}
	return err
}

// noteUpload notes that a dataset was uploaded, and as what file where a form said so.
func (s *Server) noteUpload(ctx context.Context, digest string, body io.Reader) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	source := registry.DatasetSource{Kind: registry.SourceUpload}
	if part, ok := body.(*multipart.Part); ok {
		source.FileName = fileName(part.FileName())
	}
	return s.Registry.NoteSource(ctx, digest, source)
}

// fileName is the name of a file as it is fit to be shown.
func fileName(name string) string {
	const longest = 200
	name = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest])
	}
	return name
}

// addNotes completes datasets with their names, tags and sources.
func (s *Server) addNotes(ctx context.Context, datasets []Dataset) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	digests := make([]string, len(datasets))
	for i, d := range datasets {
		digests[i] = d.Digest
	}
	notes, err := s.Registry.DatasetNotes(ctx, digests...)
	if err != nil {
		return err
	}
	for i, d := range datasets {
		n := notes[d.Digest]
		datasets[i].Names, datasets[i].Tags, datasets[i].Sources = n.Names, n.Tags, n.Sources
	}
	return nil
}

// named keeps the datasets that have a name.
func (s *Server) named(ctx context.Context, all []Dataset, name string) ([]Dataset, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	digests, err := s.Registry.DatasetsNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(d Dataset) bool { return !slices.Contains(digests, d.Digest) }), nil
}

var (
	digestPrefix = regexp.MustCompile(`^[0-9a-f]{12,64}$`)
	datasetWord  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
)

// lookUpDataset puts the address of a dataset in the place of its name, or of the beginning of its digest.
func (s *Server) lookUpDataset(ctx context.Context, t *trainingRequest) error {
	word := t.in.Dataset
	if !datasetWord.MatchString(word) {
		return nil
	}
	at := t.at("dataset")
	var found []Dataset
	var err error
	if digestPrefix.MatchString(word) {
		found, err = s.datasets(ctx, word)
	} else if found, err = s.datasets(ctx, ""); err == nil {
		found, err = s.named(ctx, found, word)
	}
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		at.Detail = fmt.Sprintf(
			"%q is neither s3://bucket/key nor the name of a dataset, nor 12 digits or more that its digest begins with",
			problem.Clip(word),
		)
		return problem.Invalid(at)
	case len(found) > 1:
		at.Detail = fmt.Sprintf(
			"%q stands for %d datasets: give the digest of one, %.12s for example",
			problem.Clip(word),
			len(found),
			found[0].Digest,
		)
		return problem.Invalid(at)
	}
	t.in.Dataset = objstore.Ref{Bucket: s.Bucket, Key: objstore.DatasetKey(found[0].Digest)}.URI()
	return nil
}
