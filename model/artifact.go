package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"iris/internal/dataset"
	"iris/model/internal/design"
)

// An artifact is one JSON object: the name and the version of the format, a checksum, and the model. It does not depend
// on the machine, and people can read it with jq.
const (
	artifactFormat = "iris-model"
	// The version increases if an older Decode would misread a newer artifact.
	plainVersion    = 1 // without a design
	designVersion   = 2
	ensembleVersion = 3
	decisionVersion = 4 // any of these with a decision
)

// envelope is the outer object. SHA256 is the checksum of the bytes of Model, in hexadecimal.
type envelope struct {
	Format        string          `json:"format"`
	FormatVersion int             `json:"format_version"`
	SHA256        string          `json:"sha256"`
	Model         json.RawMessage `json:"model"`
}

// content is the inner object. Learned is a scorer when it is encoded. When it is decoded, Learned stays raw until the
// algorithm is known.
type content[L any] struct {
	Schema   dataset.Schema `json:"schema"`
	Spec     Spec           `json:"spec"`
	Decision *Decision      `json:"decision,omitempty"`
	part[L]
}

// part is what a model has beside its schema and its spec, and what a member of an ensemble has.
type part[L any] struct {
	Design  *design.Design `json:"design,omitempty"`
	Learned L              `json:"learned"`
}

// Encode returns m as an artifact, a JSON object that Decode reads. Equal models give equal bytes.
func (m *Model) Encode() ([]byte, error) {
	inner, err := json.Marshal(content[scorer]{m.schema, m.spec, m.Decision(), part[scorer]{m.design, m.scorer}})
	if err != nil {
		return nil, fmt.Errorf("encode model: %w: %w", ErrDefect, err)
	}
	sum := sha256.Sum256(inner)
	outer, err := json.Marshal(envelope{artifactFormat, m.version(), hex.EncodeToString(sum[:]), inner})
	if err != nil {
		return nil, fmt.Errorf("encode model: %w: %w", ErrDefect, err)
	}
	return outer, nil
}

// version returns the version of the format.
func (m *Model) version() int {
	switch {
	case m.decision.Decision != nil:
		return decisionVersion
	case m.spec.Algorithm == Ensemble:
		return ensembleVersion
	case m.design != nil:
		return designVersion
	}
	return plainVersion
}

// Decode reads an artifact that Encode wrote. It returns an error for other formats, for newer versions, for truncated
// and altered bytes, and for a model whose parts do not fit each other. Predict is safe on every model that Decode
// returns.
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
	if v := outer.FormatVersion; v < plainVersion || v > decisionVersion {
		return nil, fmt.Errorf("format version %d, this program reads %d to %d", v, plainVersion, decisionVersion)
	}
	if sum := sha256.Sum256(outer.Model); hex.EncodeToString(sum[:]) != outer.SHA256 {
		return nil, errors.New("corrupt: the checksum does not match the model")
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
	decided, err := newDecider(inner.Decision, &inner.Schema)
	if err != nil {
		return nil, fmt.Errorf("decision: %w", err)
	}
	m := &Model{schema: inner.Schema, spec: spec, design: inner.Design, decision: decided}
	if wanted := !m.schema.Plain() && spec.Algorithm != Ensemble; wanted != (m.design != nil) {
		return nil, errors.New("a design is missing, or in a model that has none")
	}
	if want := m.version(); outer.FormatVersion != want {
		return nil, fmt.Errorf("format version %d, want %d for such a model", outer.FormatVersion, want)
	}
	if err := m.restore(inner.Learned); err != nil {
		return nil, err
	}
	return m, nil
}

// restore prepares the design of m and makes its scorer of what was learned.
func (m *Model) restore(learned json.RawMessage) (err error) {
	if m.design != nil {
		if err := m.design.Prepare(&m.schema); err != nil {
			return fmt.Errorf("design: %w", err)
		}
	}
	if m.spec.Algorithm == Ensemble {
		m.scorer, err = decodeEnsemble(learned, m)
	} else {
		m.scorer = families[m.spec.Algorithm].empty()
		err = strict(learned, m.scorer)
	}
	if err != nil {
		return err
	}
	if err := m.scorer.prepare(m.inputs(), len(m.schema.Classes)); err != nil {
		return fmt.Errorf("%s: %w", m.spec.Algorithm, err)
	}
	return nil
}

// strict unmarshals b into a value and refuses fields that the value does not have.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
