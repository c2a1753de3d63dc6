package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// seal puts an inner object into an envelope with its checksum.
func seal(inner []byte) []byte { return sealAs("1", inner) }

// sealAs is seal with a version of the format.
func sealAs(version string, inner []byte) []byte {
	sum := sha256.Sum256(inner)
	return slices.Concat(
		[]byte(`{"format":"iris-model","format_version":`+version+`,"sha256":"`),
		[]byte(hex.EncodeToString(sum[:])),
		[]byte(`","model":`),
		inner,
		[]byte(`}`),
	)
}

const (
	smallSchema = `"schema":{"features":["x"],"label":"y","classes":["a","b"]}`
	smallTree   = `{` + smallSchema + `,"spec":{"algorithm":"decision_tree","seed":1}` +
		`,"learned":{"splits":[{"feature":0,"threshold":1,"left":-1,"right":-2}],"leaves":[[1,0],[0,1]]}}`
	smallForest = `{` + smallSchema + `,"spec":{"algorithm":"random_forest","seed":1}` +
		`,"learned":{"trees":["AQAAAAAAAPA/AAAAAQ=="],"leaves":[[1,0],[0,1]],"class_weights":[1,1]}}`
	smallGBDT = `{` + smallSchema + `,"spec":{"algorithm":"gbdt","seed":1}` +
		`,"learned":{"base":[0.5],"trees":["AQAAAAAAAPA/AAAAAQ=="],"values":[-1,1]}}`
	smallLogistic = `{` + smallSchema + `,"spec":{"algorithm":"logistic_regression","seed":1}` +
		`,"learned":{"mean":[0],"scale":[1],"weights":[1,-1],"bias":[0,0]}}`
	smallBayes = `{` + smallSchema + `,"spec":{"algorithm":"gaussian_nb","seed":1}` +
		`,"learned":{"priors":[0.5,0.5],"means":[0,1],"variances":[1,2]}}`
	smallKNN = `{` + smallSchema + `,"spec":{"algorithm":"knn","seed":1}` +
		`,"learned":{"k":2,"weights":"distance","mean":[0],"scale":[1],"rows":[0,1,3],"classes":[0,1,1]}}`
	smallMLP = `{` + smallSchema + `,"spec":{"algorithm":"mlp","seed":1}` +
		`,"learned":{"activation":"relu","mean":[0],"scale":[1],"layers":[{"weights":[1,-1],"biases":[0,1]},` +
		`{"weights":[1,2,3,4],"biases":[0,1]}]}}`
	smallEnsemble = `{` + smallSchema + `,"spec":{"algorithm":"ensemble","hyperparameters":{"members":[` +
		`{"algorithm":"gaussian_nb","weight":3},{"algorithm":"logistic_regression"}],"temperature":2},"seed":1}` +
		`,"learned":{"members":[{"learned":{"priors":[0.5,0.5],"means":[0,1],"variances":[1,2]}},` +
		`{"learned":{"mean":[0],"scale":[1],"weights":[1,-1],"bias":[0,0]}}]}}`
)

func TestArtifact_roundTrip(t *testing.T) {
	for _, algorithm := range Algorithms() {
		for _, data := range []string{"iris", "wine", "breast_cancer"} {
			t.Run(string(algorithm)+" "+data, func(t *testing.T) {
				all := load(t, data)
				all.Schema.Aliases = map[string]string{"<other> & more": all.Schema.Classes[0], "another": all.Schema.Classes[1]}
				h := map[Algorithm]string{DecisionTree: `{"max_depth":4}`}[algorithm]
				spec := Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(h), Seed: 1<<64 - 1}
				before := train(t, all, spec)
				encoded := encode(t, before)
				after, err := Decode(encoded)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(encode(t, after), encoded) {
					t.Error("encoded again, the bytes differ")
				}
				if after.Spec().Seed != 1<<64-1 || after.Spec().Algorithm != algorithm ||
					after.Schema().Aliases["another"] != all.Schema.Classes[1] {
					t.Errorf("got spec %v and schema %v, want those of the model", after.Spec(), after.Schema())
				}
				p, q := make([]float64, len(all.Schema.Classes)), make([]float64, len(all.Schema.Classes))
				for r := range all.Y {
					before.Predict(all.Row(r), p)
					after.Predict(all.Row(r), q)
					if !slices.Equal(p, q) {
						t.Fatalf("row %d: %v before, %v after", r, p, q)
					}
				}
			})
		}
	}
}

// TestArtifact_form fixes the outer form, which other programs read.
func TestArtifact_form(t *testing.T) {
	var outer struct {
		Format        string `json:"format"`
		FormatVersion int    `json:"format_version"`
		SHA256        string `json:"sha256"`
		Model         struct {
			Schema  dataset.Schema `json:"schema"`
			Spec    Spec           `json:"spec"`
			Learned map[string]any `json:"learned"`
		} `json:"model"`
	}
	if err := json.Unmarshal(encode(t, train(t, load(t, "iris"), Spec{})), &outer); err != nil {
		t.Fatal(err)
	}
	if outer.Format != "iris-model" || outer.FormatVersion != 1 || len(outer.SHA256) != 64 {
		t.Errorf("format %q version %d sha256 %q, want iris-model, 1 and 64 hex digits",
			outer.Format, outer.FormatVersion, outer.SHA256)
	}
	if len(outer.Model.Schema.Features) != 4 || outer.Model.Spec.Algorithm != LogisticRegression ||
		outer.Model.Learned["weights"] == nil {
		t.Errorf("model %v, want its schema, its spec and its weights", outer.Model)
	}
}

func TestEncode_notANumber(t *testing.T) {
	m := &Model{scorer: &logisticRegression{Mean: []float64{math.NaN()}}}
	if b, err := m.Encode(); err == nil {
		t.Errorf("got %s, want an error, because JSON has no NaN", b)
	}
}

func TestDecode_error(t *testing.T) {
	tree := func(old, replacement string) []byte {
		return seal([]byte(strings.Replace(smallTree, old, replacement, 1)))
	}
	logistic := func(old, replacement string) []byte {
		return seal([]byte(strings.Replace(smallLogistic, old, replacement, 1)))
	}
	ensemble := func(old, replacement string) []byte {
		return sealAs("3", []byte(strings.Replace(smallEnsemble, old, replacement, 1)))
	}
	sealed := string(seal([]byte(smallTree)))
	tests := []struct {
		name     string
		artifact []byte
		want     string
	}{
		{"empty", nil, "truncated or not an artifact"},
		{"not JSON", []byte("\x80\x04\x95"), "truncated or not an artifact"},
		{"an array", []byte(`[]`), "truncated or not an artifact"},
		{"another object", []byte(`{}`), `format ""`},
		{"another format", []byte(strings.Replace(sealed, "iris-model", "onnx", 1)), `format "onnx", want "iris-model"`},
		{
			"a newer version",
			[]byte(strings.Replace(sealed, `version":1`, `version":5`, 1)),
			"format version 5, this program reads 1 to 4",
		},
		{
			"no design in version 2",
			[]byte(strings.Replace(sealed, `version":1`, `version":2`, 1)),
			"format version 2, want 1 for such a model",
		},
		{
			"no decision in version 4",
			[]byte(strings.Replace(sealed, `version":1`, `version":4`, 1)),
			"format version 4, want 1 for such a model",
		},
		{
			"a decision in version 1",
			tree(`"learned"`, `"decision":{"positive_class":"b","threshold":0.3},"learned"`),
			"format version 1, want 4 for such a model",
		},
		{
			"a decision for another class",
			tree(`"learned"`, `"decision":{"positive_class":"c","threshold":0.3},"learned"`),
			`decision: positive class "c" of the classes "a", "b"`,
		},
		{
			"a threshold of 1",
			tree(`"learned"`, `"decision":{"positive_class":"a","threshold":1},"learned"`),
			"decision: /threshold: is 1",
		},
		{
			"an unknown metric of a threshold",
			tree(`"learned"`, `"decision":{"positive_class":"a","threshold":0.1,"metric":"luck"},"learned"`),
			`decision: /threshold_metric: "luck"`,
		},
		{"no version", []byte(strings.Replace(sealed, `"format_version":1,`, ``, 1)), "format version 0"},
		{"one digit altered", []byte(strings.Replace(sealed, `"threshold":1`, `"threshold":2`, 1)), "corrupt"},
		{"no model", []byte(`{"format":"iris-model","format_version":1}`), "corrupt"},
		{"two artifacts", []byte(sealed + sealed), "truncated or not an artifact"},

		{"model null", seal([]byte(`null`)), "no features"},
		{"model a number", seal([]byte(`1`)), "number"},
		{"unknown field", tree(`"spec"`, `"more":1,"spec"`), `"more"`},
		{"unknown field of the spec", tree(`"seed"`, `"sead"`), `"sead"`},
		{"unknown algorithm", tree(`decision_tree`, `svm`), "/algorithm"},
		{"bad hyperparameters", tree(`"seed":1`, `"hyperparameters":{"max_depth":0}`), "/hyperparameters/max_depth"},
		{"no features", tree(`["x"]`, `[]`), "no features"},
		{"one class", tree(`["a","b"]`, `["a"]`), "1 classes"},
		{"classes out of order", tree(`["a","b"]`, `["b","a"]`), "order"},

		{"learned missing", seal([]byte(`{` + smallSchema + `,"spec":{}}`)), "EOF"},
		{"learned null", seal([]byte(`{` + smallSchema + `,"spec":{},"learned":null}`)), "0 means"},
		{"tree null", seal([]byte(`{` + smallSchema + `,"spec":{"algorithm":"decision_tree"},"learned":null}`)), "0 leaves"},
		{
			"the other family's",
			seal([]byte(strings.Replace(smallTree, "decision_tree", "logistic_regression", 1))),
			"unknown field",
		},
		{"feature out of range", tree(`"feature":0`, `"feature":1`), "feature 1 of 1"},
		{"a loop", tree(`"left":-1`, `"left":0`), "out of range"},
		{"index with a fraction", tree(`"left":-1`, `"left":-1.5`), "number"},
		{"number too large", logistic(`"mean":[0]`, `"mean":[1e999]`), "1e999"},
		{"weight missing", logistic(`"weights":[1,-1]`, `"weights":[1]`), "1 weights"},
		{
			"forest null",
			seal([]byte(`{` + smallSchema + `,"spec":{"algorithm":"random_forest"},"learned":null}`)),
			"0 class weights",
		},
		{"forest's tree cut short", seal([]byte(strings.Replace(smallForest, "AAAAAQ==", "AAAA", 1))), "tree 0: "},
		{"forest's leaf missing", seal([]byte(strings.Replace(smallForest, `[[1,0],[0,1]]`, `[[1,0]]`, 1))), "leaf 1 of 1"},
		{"forest's tree not base64", seal([]byte(strings.Replace(smallForest, "AQAA", "?", 1))), "base64"},
		{"gbdt null", seal([]byte(`{` + smallSchema + `,"spec":{"algorithm":"gbdt"},"learned":null}`)), "0 base scores"},
		{"gbdt's value missing", seal([]byte(strings.Replace(smallGBDT, `[-1,1]`, `[-1]`, 1))), "leaf 1 of 1"},
		{"an ensemble as version 1", seal([]byte(smallEnsemble)), "want 3 for such a model"},
		{"another model as version 3", sealAs("3", []byte(smallTree)), "want 1 for such a model"},
		{
			"ensemble null",
			ensemble(smallEnsemble[strings.Index(smallEnsemble, `{"members":[{"learned"`):], `null}`),
			"0 members",
		},
		{"no members in its spec", ensemble(`"members":[{"algorithm":"gaussian_nb","weight":3},`+
			`{"algorithm":"logistic_regression"}]`, `"members":[]`), "1 to 25"},
		{"a member of the spec less", ensemble(`,{"algorithm":"logistic_regression"}`, ``), "2 members, the spec has 1"},
		{"a member of the spec more", ensemble(`{"algorithm":"logistic_regression"}`,
			`{"algorithm":"logistic_regression"},{"algorithm":"knn"}`), "2 members, the spec has 3"},
		{"an ensemble in an ensemble", ensemble(`"gaussian_nb"`, `"ensemble"`), "cannot be a member"},
		{"a weight that is not a number", ensemble(`"weight":3`, `"weight":NaN`), "invalid character"},
		{"a negative weight", ensemble(`"weight":3`, `"weight":-3`), "/members/0/weight"},
		{"a temperature of 0", ensemble(`"temperature":2`, `"temperature":0`), "/temperature"},
		{"another family's member", ensemble(`"gaussian_nb"`, `"knn"`), "member 0: json: unknown field"},
		{"a member's number missing", ensemble(`"bias":[0,0]`, `"bias":[0]`), "member 1: logistic_regression: "},
		{"a member null", ensemble(`{"learned":{"priors":[0.5,0.5],"means":[0,1],"variances":[1,2]}}`, `null`), "member 0: "},
		{"a design of a plain member", ensemble(`[{"learned"`, `[{"design":{"columns":[]},"learned"`), "member 0: a design"},
		{"unknown field of a member", ensemble(`[{"learned"`, `[{"schema":{},"learned"`), "schema"},
		{"null for a number reads as 0", logistic(`"scale":[1]`, `"scale":[null]`), "scale 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(test.artifact)
			if err == nil || !strings.HasPrefix(err.Error(), "decode model: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want decode model: …%s…", err, test.want)
			}
		})
	}
}

// TestDecode_small checks that the unchanged artifacts are valid, so that the errors above come from the changes.
func TestDecode_small(t *testing.T) {
	for _, inner := range []string{smallTree, smallLogistic, smallForest, smallGBDT, smallEnsemble} {
		version := "1"
		if inner == smallEnsemble {
			version = "3"
		}
		m, err := Decode(sealAs(version, []byte(inner)))
		if err != nil {
			t.Errorf("%s: %v", inner, err)
			continue
		}
		p := make([]float64, 2)
		m.Predict([]float64{0}, p)
		checkProbabilities(t, p)
	}
}

func TestDecode_cutAnywhere(t *testing.T) {
	whole := encode(t, train(t, load(t, "iris"), Spec{}))
	for n := range whole {
		if _, err := Decode(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes decode as a model", n, len(whole))
		}
	}
}

// TestDecode_alteredAnywhere flips every bit. Decode refuses the result, or the model is the same, because JSON field
// names are not case-sensitive.
func TestDecode_alteredAnywhere(t *testing.T) {
	whole := encode(t, train(t, load(t, "iris"), Spec{Algorithm: DecisionTree}))
	for i := range whole {
		for bit := range 8 {
			altered := bytes.Clone(whole)
			altered[i] ^= 1 << bit
			m, err := Decode(altered)
			if err == nil && !bytes.Equal(encode(t, m), whole) {
				t.Fatalf("bit %d of byte %d gives another model", bit, i)
			}
		}
	}
}

// FuzzDecode searches for an accepted artifact that then panics, loops, predicts nonsense or does not survive Encode.
// With sealed, the input is the inner object and gets a matching checksum, which a fuzzer would not find.
func FuzzDecode(f *testing.F) {
	for _, inner := range []string{
		smallTree, smallLogistic, smallForest, smallGBDT, smallBayes, smallKNN, smallMLP, `{}`, `null`,
	} {
		f.Add([]byte(inner), true)
		f.Add(seal([]byte(inner)), false)
	}
	f.Add([]byte(smallEnsemble), true)
	f.Add(sealAs("3", []byte(smallEnsemble)), false)
	f.Add([]byte(strings.Replace(smallEnsemble, "[1,-1]", "[1e100,-1e100]", 1)), true)
	f.Add([]byte(strings.Replace(smallLogistic, "[1,-1]", "[1e100,-1e100]", 1)), true)
	f.Add([]byte(strings.Replace(smallBayes, "[1,2]", "[5e-324,1e308]", 1)), true)
	f.Add([]byte(strings.Replace(smallKNN, "[0,1,3]", "[1e150,-1e150,5e-324]", 1)), true)
	f.Add([]byte(strings.Replace(smallMLP, "[1,2,3,4]", "[1e10,-1e10,1e10,1e10]", 1)), true)
	f.Add([]byte(strings.Replace(smallTree, `"left":-1`, `"left":1`, 1)), true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		switch {
		case sealed && bytes.Contains(b, []byte(`"ensemble"`)):
			b = sealAs("3", b)
		case sealed:
			b = seal(b)
		}
		m, err := Decode(b)
		if err != nil {
			return
		}
		x, p := make([]float64, len(m.Schema().Features)), make([]float64, len(m.Schema().Classes))
		for _, v := range []float64{0, 1, -1, math.MaxFloat64, -math.MaxFloat64} {
			for f := range x {
				x[f] = v
			}
			if got := m.Predict(x, p); got < 0 || got >= len(p) {
				t.Fatalf("class %d of %d", got, len(p))
			}
			checkProbabilities(t, p)
		}
		again, err := Decode(encode(t, m))
		if err != nil {
			t.Fatalf("Decode refuses it after Encode: %v", err)
		}
		if !bytes.Equal(encode(t, again), encode(t, m)) {
			t.Fatal("encoded again, the bytes differ")
		}
	})
}
