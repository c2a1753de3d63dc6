package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"iris/internal/dataset"
)

// The artifact is one JSON object: what it is, which version of the format, a checksum, and the model. It is made for
// machines of any kind and for people: jq reads it.
const (
	artifactFormat  = "iris-model"
	artifactVersion = 1 // raised when an older Decode would misread a newer artifact
)

// envelope is the outer object. SHA256 is that of the bytes of Model as they stand.
type envelope struct {
	Format        string          `json:"format"`
	FormatVersion int             `json:"format_version"`
	SHA256        string          `json:"sha256"`
	Model         json.RawMessage `json:"model"`
}

// content is the inner object: with a scorer to write, with its JSON form to read, as the algorithm must be known
// before it can be decoded.
type content[L any] struct {
	Schema  dataset.Schema `json:"schema"`
	Spec    Spec           `json:"spec"`
	Learned L              `json:"learned"`
}

// Encode returns m as bytes for Decode. Equal models give equal bytes.
func (m *Model) Encode() ([]byte, error) {
	inner, err := json.Marshal(content[scorer]{Schema: m.schema, Spec: m.spec, Learned: m.scorer})
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	sum := sha256.Sum256(inner)
	outer, err := json.Marshal(envelope{artifactFormat, artifactVersion, hex.EncodeToString(sum[:]), inner})
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	return outer, nil
}

// Decode reads a model that Encode wrote. It refuses anything else: other formats and newer versions, truncated and
// altered bytes, and a model whose parts don't fit each other. Predict is safe with every model that it returns.
func Decode(b []byte) (*Model, error) {
	m, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	return m, nil
}

func decode(b []byte) (*Model, error) {
	var outer envelope
	if err := json.Unmarshal(b, &outer); err != nil {
		return nil, fmt.Errorf("truncated or not an artifact: %w", err)
	}
	if outer.Format != artifactFormat {
		return nil, fmt.Errorf("format %q, want %q", clip(outer.Format), artifactFormat)
	}
	if outer.FormatVersion != artifactVersion {
		return nil, fmt.Errorf("format version %d, this program reads %d", outer.FormatVersion, artifactVersion)
	}
	if sum := sha256.Sum256(outer.Model); hex.EncodeToString(sum[:]) != outer.SHA256 {
		return nil, errors.New("corrupt: the checksum is not that of the model")
	}
	var inner content[json.RawMessage]
	if err := strict(outer.Model, &inner); err != nil {
		return nil, err
	}
	if err := checkSchema(inner.Schema); err != nil {
		return nil, err
	}
	spec, err := inner.Spec.Resolve()
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	scorer := families[spec.Algorithm].empty()
	if err := strict(inner.Learned, scorer); err != nil {
		return nil, err
	}
	if err := scorer.prepare(len(inner.Schema.Features), len(inner.Schema.Classes)); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Algorithm, err)
	}
	return &Model{schema: inner.Schema, spec: spec, scorer: scorer}, nil
}

// strict unmarshals b, refusing fields that into doesn't have.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
