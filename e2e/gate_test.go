package e2e

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"iris/internal/dataset"
	"iris/model"
	"iris/workflows"
)

// noisyRows writes n rows of two classes. A straight line separates them, but a fifth of the labels are wrong. A tree
// that memorises every row learns the wrong labels too.
func noisyRows(seed uint64, n int) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	b.WriteString("x,y,side\n")
	for range n {
		x, y := random.NormFloat64(), random.NormFloat64()
		left := x+y < 0
		if random.Float64() < 0.2 {
			left = !left
		}
		side := "right"
		if left {
			side = "left"
		}
		fmt.Fprintf(&b, "%.6f,%.6f,%s\n", x, y, side)
	}
	return b.Bytes()
}

// A champion that has memorised its rows looks perfect on them. It must lose against a better candidate trained on a
// superset, because the gate compares the two on rows that neither was trained on.
func TestGate_memoryDoesNotCount(t *testing.T) {
	s := start(t)
	rows := noisyRows(7, 1200)
	head := bytes.SplitAfterN(rows, []byte("\n"), 602) // the header and 600 rows
	first := s.put("given/memory-600.csv", bytes.Join(head[:601], nil))
	all := s.put("given/memory-1200.csv", rows)

	champion := s.train(workflows.TrainingInput{Model: "memory", DatasetURI: first, Algorithm: model.DecisionTree})
	if champion.Gate.Decision != workflows.Promoted {
		t.Fatalf("first version: %+v, want it promoted", champion.Gate)
	}
	memorised := recall(t, s, "memory", bytes.Join(head[:601], nil))
	if memorised < 0.9 {
		t.Fatalf("the champion knows %.3f of its data, want a champion that has memorised", memorised)
	}

	candidate := s.train(workflows.TrainingInput{Model: "memory", DatasetURI: all, Algorithm: model.LogisticRegression})
	gate := candidate.Gate
	if gate.Decision != workflows.Promoted {
		t.Errorf("gate %+v, want the better candidate promoted over the champion that memorised", gate)
	}
	if gate.Comparison.Champion != champion.Version ||
		gate.Comparison.CandidateAccuracy <= gate.Comparison.ChampionAccuracy {
		t.Errorf("comparison %+v, want the candidate ahead of champion %s", gate.Comparison, champion.Version)
	}
	if share := float64(gate.Comparison.Rows) / 1200; math.Abs(share-workflows.DefaultTestSize) > 0.05 {
		t.Errorf("compared on %d rows, want about a quarter of 1200: those held out from both", gate.Comparison.Rows)
	}
}

// recall returns the champion's accuracy on all rows of a file, including its training rows.
func recall(t *testing.T, s *iris, name string, csv []byte) float64 {
	t.Helper()
	version, err := s.Registry.Champion(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Registry.Load(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	schema := m.Schema()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{Known: &schema})
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := model.Evaluate(m, table)
	if err != nil {
		t.Fatal(err)
	}
	return metrics.Accuracy
}

func TestGate_keepsTheBetterChampion(t *testing.T) {
	s := start(t)
	data := s.put("given/keeps.csv", noisyRows(9, 1500))
	champion := s.train(workflows.TrainingInput{Model: "keeps", DatasetURI: data, Algorithm: model.LogisticRegression})
	candidate := s.train(workflows.TrainingInput{Model: "keeps", DatasetURI: data, Algorithm: model.DecisionTree})
	if candidate.Gate.Decision != workflows.Kept || candidate.Version == champion.Version {
		t.Errorf(
			"gate %+v of version %s, want a new version that leaves champion %s",
			candidate.Gate,
			candidate.Version,
			champion.Version,
		)
	}
	if v, err := s.Registry.Champion(t.Context(), "keeps"); err != nil || v.Number != champion.Version {
		t.Errorf("champion %v (%v), want %s still", v.Number, err, champion.Version)
	}
}

func TestGate_asksWhereNothingCanBeCompared(t *testing.T) {
	s := start(t)
	champion := s.train(
		workflows.TrainingInput{
			Model:      "asks",
			Algorithm:  model.LogisticRegression,
			DatasetURI: s.put("given/asks.csv", noisyRows(3, 300)),
		},
	)
	other := bytes.Replace(noisyRows(4, 300), []byte("x,y,side"), []byte("x,z,side"), 1)
	changed := s.train(
		workflows.TrainingInput{
			Model:             "asks",
			Algorithm:         model.LogisticRegression,
			DatasetURI:        s.put("given/asks-other.csv", other),
			AllowSchemaChange: true,
		},
	)
	if changed.Gate.Decision != workflows.NeedsApproval || changed.Gate.Comparison.Champion != champion.Version {
		t.Errorf("gate %+v, want it to ask for an explicit promotion", changed.Gate)
	}
}
