package partition_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"iris/internal/literal"

	"iris/internal/partition"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// table builds a dataset of one feature from pairs of value and class.
func table(classes int, rows ...[2]float64) *dataset.Table {
	t := &dataset.Table{Schema: dataset.Schema{Features: []string{"a"}, Label: "label"}}
	for c := range classes {
		t.Schema.Classes = append(t.Schema.Classes, fmt.Sprintf("c%03d", c))
	}
	for _, row := range rows {
		t.X = append(t.X, row[0])
		t.Y = append(t.Y, int(row[1]))
	}
	return t
}

// random builds a dataset whose values and classes repeat a lot.
func random(r *rand.Rand) *dataset.Table {
	classes := 2 + r.IntN(5)
	values := 2 + r.IntN(30)
	var rows [][2]float64
	for range 2 + r.IntN(60) {
		rows = append(rows, [2]float64{float64(r.IntN(values)), float64(r.IntN(classes))})
	}
	return table(classes, rows...)
}

// sides counts the rows of each class in training and held out.
func sides(t *dataset.Table, s partition.Split) (train, test []int) {
	train, test = make([]int, len(t.Schema.Classes)), make([]int, len(t.Schema.Classes))
	for i, class := range t.Y {
		if s.HeldOut(t.Row(i)) {
			test[class]++
		} else {
			train[class]++
		}
	}
	return train, test
}

// Stored splits depend on the hash, so these rows must never change sides.
func TestSplit_neverChanges(t *testing.T) {
	s := partition.Split{Seed: 42, TestSize: 0.25}
	iris := read(t, dataset.IrisCSV())
	_, test := s.Rows(iris)
	want := []int{
		2, 6, 9, 11, 12, 15, 22, 24, 27, 30, 32, 36, 43, 61, 66, 67, 76, 79, 81, 86,
		93, 94, 97, 99, 107, 108, 117, 118, 120, 123, 125, 128, 133, 139, 141, 143, 146, 147, 148, 149,
	}
	if !slices.Equal(test, want) {
		t.Errorf("held out %v, want %v", test, want)
	}
}

func TestSplit_share(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows = 20000
	for _, size := range []float64{0.01, 0.25, 0.5, 0.9} {
		held := 0
		s := partition.Split{Seed: r.Uint64(), TestSize: size}
		for range rows {
			if s.HeldOut([]float64{r.NormFloat64(), r.NormFloat64()}) {
				held++
			}
		}
		if deviation := math.Abs(float64(held) - size*rows); deviation > 5*math.Sqrt(size*(1-size)*rows) {
			t.Errorf("%d of %d rows held out, want about %v", held, rows, size)
		}
	}
}

func TestSplit_seed(t *testing.T) {
	iris := read(t, dataset.IrisCSV())
	_, one := partition.Split{Seed: 1, TestSize: 0.25}.Rows(iris)
	_, two := partition.Split{Seed: 2, TestSize: 0.25}.Rows(iris)
	if slices.Equal(one, two) {
		t.Error("two seeds hold out the same rows")
	}
	_, more := partition.Split{Seed: 1, TestSize: 0.5}.Rows(iris)
	for _, row := range one {
		if !slices.Contains(more, row) {
			t.Errorf("row %d is held out at 0.25 and not at 0.5", row)
		}
	}
}

func TestSplit_negativeZero(t *testing.T) {
	s := partition.Split{Seed: 3, TestSize: 0.5}
	for i := range 100 {
		v := float64(i)
		if s.HeldOut([]float64{0, v}) != s.HeldOut([]float64{math.Copysign(0, -1), v}) {
			t.Fatalf("0 and -0 beside %v are on different sides", v)
		}
	}
}

func TestSplit_allocations(t *testing.T) {
	iris := read(t, dataset.IrisCSV())
	s := partition.NewSplit(table(2, [2]float64{1, 0}, [2]float64{2, 0}, [2]float64{3, 1}, [2]float64{4, 1}), 1, 1e-9)
	if len(s.Moved) != 2 {
		t.Fatalf("%d groups moved, want 2", len(s.Moved))
	}
	row := iris.Row(0)
	if n := testing.AllocsPerRun(100, func() { s.HeldOut(row) }); n > 0 {
		t.Errorf("%v allocations a row, want none", n)
	}
	wide := make([]float64, 100)
	s.HeldOut(wide) // beyond the buffer: only the result counts, and that there is one
}

func TestSplit_json(t *testing.T) {
	want := partition.NewSplit(
		table(2, [2]float64{1, 0}, [2]float64{2, 0}, [2]float64{3, 1}, [2]float64{4, 1}),
		math.MaxUint64,
		1e-9,
	)
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got partition.Split
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s read back as %+v, %v, want %+v", data, got, err, want)
	}
}

func TestCheckTestSize(t *testing.T) {
	for _, size := range []float64{1e-9, 0.25, 0.999} {
		if err := partition.CheckTestSize(size); err != nil {
			t.Errorf("%v: %v", size, err)
		}
	}
	for _, size := range []float64{0, 1, -0.5, 1.5, math.NaN(), math.Inf(1)} {
		if err := partition.CheckTestSize(size); err == nil {
			t.Errorf("%v was accepted", size)
		}
	}
}

func TestNewSplit_realDataNeedsNoMoves(t *testing.T) {
	for name, csv := range map[string][]byte{
		"iris": datasettest.Iris(), "wine": datasettest.Wine(), "breast cancer": datasettest.BreastCancer(),
	} {
		data := read(t, csv)
		s := partition.NewSplit(data, 42, 0.25)
		train, test := s.Rows(data)
		if s.Moved != nil {
			t.Errorf("%s: %v were moved, want none", name, s.Moved)
		}
		if len(train)+len(test) != data.Rows() || len(test) < data.Rows()/6 || len(test) > data.Rows()/3 {
			t.Errorf("%s: %d and %d rows of %d, want about a quarter held out", name, len(train), len(test), data.Rows())
		}
	}
}

func TestNewSplit_moves(t *testing.T) {
	for _, c := range []struct {
		name        string
		table       *dataset.Table
		size        float64
		train, test []int // rows by class
	}{
		{
			"one row of each class is held out when the hash holds out none",
			table(2, [2]float64{1, 0}, [2]float64{2, 0}, [2]float64{3, 0}, [2]float64{4, 1}, [2]float64{5, 1}),
			1e-9,
			[]int{2, 1},
			[]int{1, 1},
		},
		{
			"two rows of each class are trained on when the hash trains on none, if one stays held out",
			table(2, [2]float64{1, 0}, [2]float64{2, 0}, [2]float64{3, 0}, [2]float64{4, 1}, [2]float64{5, 1}),
			1 - 1e-9,
			[]int{2, 1},
			[]int{1, 1},
		},
		{
			"a class of equal rows stays in training, wherever it lies",
			table(2, [2]float64{1, 0}, [2]float64{1, 0}, [2]float64{2, 1}, [2]float64{3, 1}),
			1 - 1e-9,
			[]int{2, 1},
			[]int{0, 1},
		},
		{
			"the same for a small share",
			table(2, [2]float64{1, 0}, [2]float64{1, 0}, [2]float64{2, 1}, [2]float64{3, 1}),
			1e-9,
			[]int{2, 1},
			[]int{0, 1},
		},
		{
			"duplicates move together",
			table(1, [2]float64{1, 0}, [2]float64{1, 0}, [2]float64{1, 0}, [2]float64{2, 0}, [2]float64{2, 0}, [2]float64{2, 0}),
			1e-9,
			[]int{3},
			[]int{3},
		},
		{
			"a group of two classes stays if training would lose a class",
			table(2, [2]float64{1, 0}, [2]float64{1, 1}, [2]float64{2, 0}),
			1e-9,
			[]int{1, 1},
			[]int{1, 0},
		},
		{
			"a group of two classes comes to training when there is nothing else",
			table(2, [2]float64{1, 0}, [2]float64{1, 1}, [2]float64{2, 1}),
			1 - 1e-9,
			[]int{1, 1},
			[]int{0, 1},
		},
		{
			"a class without rows is left alone",
			table(3, [2]float64{1, 0}, [2]float64{2, 0}, [2]float64{3, 2}, [2]float64{4, 2}),
			1e-9,
			[]int{1, 0, 1},
			[]int{1, 0, 1},
		},
		{"no rows at all", table(2), 0.5, []int{0, 0}, []int{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				train, test := sides(c.table, partition.NewSplit(c.table, seed, c.size))
				if !slices.Equal(train, c.train) || !slices.Equal(test, c.test) {
					t.Errorf("seed %d: %v rows in training, %v held out, want %v and %v", seed, train, test, c.train, c.test)
				}
			}
		})
	}
}

// place is where a row is between 0 and 1: the smallest share that holds it out, found without knowing how rows are
// hashed.
func place(x []float64, seed uint64) float64 {
	low, high := 0.0, 1.0
	for range 53 {
		middle := (low + high) / 2
		if (partition.Split{Seed: seed, TestSize: middle}).HeldOut(x) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

func TestNewSplit_movesTheNearest(t *testing.T) {
	data := table(1)
	for i := range 50 {
		data.X = append(data.X, float64(i))
		data.Y = append(data.Y, 0)
	}
	for seed := range uint64(20) {
		least, most := 0, []int{}
		for i := range data.Rows() {
			if place(data.Row(i), seed) < place(data.Row(least), seed) {
				least = i
			}
			most = append(most, i)
		}
		slices.SortFunc(most, func(a, b int) int { return cmp.Compare(place(data.Row(b), seed), place(data.Row(a), seed)) })
		most = most[:2]
		slices.Sort(most)
		if _, test := partition.NewSplit(data, seed, 1e-9).Rows(data); !slices.Equal(test, []int{least}) {
			t.Errorf("seed %d: rows %v held out, want the one nearest to 0, %d", seed, test, least)
		}
		if train, _ := partition.NewSplit(data, seed, 1-1e-9).Rows(data); !slices.Equal(train, most) {
			t.Errorf("seed %d: rows %v in training, want the two nearest to 1, %v", seed, train, most)
		}
	}
}

// A class that loses its last held-out row to another one's need gets another.
func TestNewSplit_restoresWhatAMoveTook(t *testing.T) {
	// All rows of class 0 are equal to a row of class 1. Class 1 has many more.
	data := table(2, [2]float64{1, 0}, [2]float64{1, 0}, [2]float64{1, 1})
	for i := range 8 {
		data.X = append(data.X, float64(i+2))
		data.Y = append(data.Y, 1)
	}
	checked := 0
	for seed := range uint64(2000) {
		plain := partition.Split{Seed: seed, TestSize: 0.1}
		_, test := plain.Rows(data)
		if !slices.Equal(test, []int{0, 1, 2}) {
			continue
		}
		checked++
		train, held := sides(data, partition.NewSplit(data, seed, 0.1))
		if train[0] != 2 || held[0] != 0 || held[1] != 1 {
			t.Errorf(
				"seed %d: %v rows in training, %v held out, want class 0 in training, and one of class 1 held out",
				seed,
				train,
				held,
			)
		}
	}
	if checked == 0 {
		t.Fatal("no seed holds out the shared rows only")
	}
}

// The nearest group is passed over when its move would cost another class its only held-out row.
func TestNewSplit_prefersMovesThatHarmNobody(t *testing.T) {
	data := table(2, [2]float64{1, 0}, [2]float64{1, 1}, [2]float64{2, 0}, [2]float64{3, 1}, [2]float64{4, 1})
	passedOver := 0
	for seed := range uint64(2000) {
		if _, test := (partition.Split{Seed: seed, TestSize: 0.5}).Rows(data); !slices.Equal(test, []int{0, 1, 2}) {
			continue
		}
		if place(data.Row(0), seed) > place(data.Row(2), seed) {
			passedOver++
		}
		if _, test := partition.NewSplit(data, seed, 0.5).Rows(data); !slices.Equal(test, []int{0, 1}) {
			t.Errorf("seed %d: rows %v held out, want 0 and 1, which class 1 needs", seed, test)
		}
	}
	if passedOver == 0 {
		t.Fatal("no seed puts the shared group nearest to the threshold")
	}
}

func TestNewSplit_properties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sizes := []float64{1e-9, 0.1, 0.25, 0.5, 0.75, 0.9, 1 - 1e-9}
	for range 3000 {
		data := random(r)
		seed, size := r.Uint64(), sizes[r.IntN(len(sizes))]
		s := partition.NewSplit(data, seed, size)

		train, test := sides(data, s)
		for c := range train {
			if train[c] == 0 && test[c] > 0 {
				t.Fatalf("class %d has no row in training: %v of %+v", c, s, data)
			}
		}
		if !slices.IsSorted(s.Moved) {
			t.Fatalf("moved groups are not sorted: %v", s.Moved)
		}

		order := r.Perm(data.Rows())
		if again := partition.NewSplit(data.Subset(order), seed, size); !reflect.DeepEqual(again, s) {
			t.Fatalf("another order of rows makes another split: %+v, not %+v", again, s)
		}

		// A superset changes the side of a row only if one of the two datasets had to move it.
		more := data.Subset(order)
		for range r.IntN(30) {
			more.X = append(more.X, float64(r.IntN(60)))
			more.Y = append(more.Y, r.IntN(len(data.Schema.Classes)))
		}
		larger := partition.NewSplit(more, seed, size)
		changed := make(map[float64]bool)
		for _, x := range data.X {
			if s.HeldOut([]float64{x}) != larger.HeldOut([]float64{x}) {
				changed[x] = true
			}
		}
		if moves := len(s.Moved) + len(larger.Moved); len(changed) > moves {
			t.Fatalf("%d groups changed sides in a superset, want at most the %d that were moved", len(changed), moves)
		}
	}
}

// purchases is a schema of a feature of each kind, with these levels of the city.
func purchases(cities ...string) dataset.Schema {
	return dataset.Schema{
		Features: []string{"age", "income", "member", "city", "zip", "since", "price"},
		Label:    "bought", Classes: []string{"no", "yes"},
		Columns: []dataset.Column{
			{},
			{Missing: true},
			{Kind: dataset.Boolean},
			{Kind: dataset.Categorical, Levels: cities},
			{Kind: dataset.Categorical, Levels: []string{"01234"}, Missing: true},
			{Kind: dataset.Datetime, DateOrder: literal.DayFirst, Missing: true},
			{Formatted: true},
		},
	}
}

// A row has one hash under all schemas, and the hashes never change: stored splits depend on them.
func TestSplit_hashesStandForTheTexts(t *testing.T) {
	a, b := purchases("Paris", "Rome", "3"), purchases("3", "Oslo", "Paris")
	row := func(s dataset.Schema) []float64 {
		x := make([]float64, len(s.Features))
		cells := dataset.NewCells(s)
		for i, text := range []string{"31", "NA", "yes", "Paris", "01234", "1.2.2003", "$5"} {
			cells.Text(x, i, []byte(text))
		}
		return x
	}
	held := 0
	for seed := range uint64(200) {
		split := partition.Split{Seed: seed, TestSize: 0.25}
		inA, inB := split.Of(a)(row(a)), split.Of(b)(row(b))
		if inA != inB {
			t.Fatalf("seed %d: held out %v under one schema and %v under another", seed, inA, inB)
		}
		if inA {
			held++
		}
	}
	if held != 47 {
		t.Errorf("%d of 200 seeds hold the row out, recorded were 47: the hash has changed", held)
	}
}

func read(t testing.TB, csv []byte) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
