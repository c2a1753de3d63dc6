package model

import (
	"bytes"
	"slices"
	"testing"

	"iris/internal/dataset"
	"iris/internal/literal"
)

func TestONNX_mixed(t *testing.T) {
	data := mixed(300, 3, 1)
	var want []onnxValue
	for i, name := range data.Schema.Features {
		kind := 11
		if data.Schema.Column(i).Kind == dataset.Categorical {
			kind = 8
		}
		want = append(want, onnxValue{name, kind, []any{"N", 1}})
	}
	for _, algorithm := range Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: algorithm})
			f := encodeONNX(t, m)
			f.checkFlow(t)
			if !equalValues(f.inputs, want) {
				t.Errorf("inputs %v, want %v", f.inputs, want)
			}
			decoded, err := Decode(encode(t, m))
			if err != nil {
				t.Fatal(err)
			}
			a, err := m.ONNX()
			if err != nil {
				t.Fatal(err)
			}
			if b, err := decoded.ONNX(); err != nil || !bytes.Equal(a, b) {
				t.Errorf("after Encode and Decode the bytes differ (%v)", err)
			}
			if _, ok := f.metadata["day_first"]; ok {
				t.Error("metadata of dates with the day first, want none")
			}
		})
	}
}

// Features are inputs by their names, so nothing else may have one of them.
func TestONNX_mixedNames(t *testing.T) {
	data := mixed(300, 2, 1)
	copy(data.Schema.Features, []string{"label", "label_", "p_c1", "gather_1", "isnan_1", "Größe, \"m\"", "input"})
	data.Schema.Columns[8].DateOrder = literal.DayFirst
	m := train(t, data, Spec{})
	f := encodeONNX(t, m)
	f.checkFlow(t)
	for i, v := range f.inputs {
		if v.name != data.Schema.Features[i] {
			t.Errorf("input %d is %q, want %q", i, v.name, data.Schema.Features[i])
		}
	}
	want := []string{"label__", "p_c0", "p_c1_"}
	if got := m.ONNXOutputs(); !slices.Equal(got, want) {
		t.Errorf("outputs %q, want %q", got, want)
	}
	for i, v := range f.outputs {
		if v.name != want[i] {
			t.Errorf("output %d is %q, want %q", i, v.name, want[i])
		}
	}
	if got := f.metadata["day_first"]; got != `["born"]` {
		t.Errorf("day_first %s, want born", got)
	}
	data.Schema.Features[1] = "\xff"
	if _, err := train(t, data, Spec{}).ONNX(); err == nil {
		t.Error("no error for an input whose name is not UTF-8")
	}
}

func TestONNX_missingTexts(t *testing.T) {
	data := mixed(300, 2, 1)
	data.Schema.Columns[3].Levels = []string{"S", "NA", "Q"}
	data.Schema.MissingValues = []string{"NA", "nan"}
	f := encodeONNX(t, train(t, data, Spec{}))
	for _, n := range f.nodes {
		if n.operator != "LabelEncoder" || n.inputs[0] != "port" {
			continue
		}
		keys, codes := n.attributes["keys_strings"].strings, n.attributes["values_int64s"].ints
		wantKeys := []string{"S", "NA", "Q", "", "NAN", "Na", "NaN", "Nan", "na", "nan"}
		wantCodes := []int{0, 1, 2, 4, 4, 4, 4, 4, 4, 4}
		if !slices.Equal(keys, wantKeys) || !slices.Equal(codes, wantCodes) || n.attributes["default_int64"].i != 3 {
			t.Errorf("keys %q with the codes %v, default %d; want %q, %v, 3", keys, codes,
				n.attributes["default_int64"].i, wantKeys, wantCodes)
		}
		return
	}
	t.Error("no LabelEncoder of port")
}
