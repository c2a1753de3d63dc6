package model

// onnx implements scorer. It compares a row with all training rows, as ONNX has no trees to search.
func (m *knn) onnx(g *graph) string {
	distances, rows := g.name("nearest"), g.name("rows")
	// Of equally near rows the one with the lower index comes first: ONNX promises it, and the scorer does the same.
	g.add("", "TopK", inputs(m.onnxDistances(g), g.ints("k", m.K)), inputs(distances, rows),
		intAttribute("axis", 1), intAttribute("largest", 0), intAttribute("sorted", 1))

	classes := make([]int, g.classes)
	for k := range classes {
		classes[k] = k
	}
	class := g.node("Gather", inputs(g.ints("class", m.Classes...), rows))
	class = g.node("Unsqueeze", inputs(class, g.ints("axis", 2))) // [N, k, 1]
	same := g.node("Equal", inputs(class, g.ints("classes", classes...)))
	votes := g.node("Cast", inputs(same), intAttribute("to", int(onnxDouble))) // [N, k, classes]
	if m.Weights == "uniform" {
		sum := g.node("ReduceSum", inputs(votes, g.ints("axis", 1)), intAttribute("keepdims", 0))
		return g.node("Div", inputs(sum, g.doubles("all", []float64{float64(m.K)})))
	}
	weights := onnxNearness(g, distances)
	all := g.node("ReduceSum", inputs(weights, g.ints("axis", 1)), intAttribute("keepdims", 1))
	votes = g.node("Mul", inputs(votes, g.node("Unsqueeze", inputs(weights, g.ints("axis", 2)))))
	sum := g.node("ReduceSum", inputs(votes, g.ints("axis", 1)), intAttribute("keepdims", 0))
	return g.node("Div", inputs(sum, all))
}

// onnxDistances adds the squared distances, [N, training rows], feature by feature: the operations of squaredDistance
// in its order, so that equal distances stay equal and the neighbours are the same to the last bit. A ReduceSum over
// all features may add in any order, and what it adds up would take that many times the memory.
func (m *knn) onnxDistances(g *graph) string {
	columns := make([]string, g.features)
	for f := range columns {
		columns[f] = g.name("feature")
	}
	g.add("", "Split", inputs(g.standardised(m.Mean, m.Scale, maxMagnitude)), columns,
		intAttribute("axis", 1), intAttribute("num_outputs", g.features))
	points := make([][]float64, g.features) // by feature
	z := make([]float64, g.features)
	for r := range m.Classes {
		m.standardise(z, m.Rows[r*g.features:(r+1)*g.features])
		for f, v := range z {
			points[f] = append(points[f], v)
		}
	}
	sum := ""
	for f, column := range columns {
		d := g.node("Sub", inputs(column, g.doubles("points", points[f], len(points[f]))))
		square := g.node("Mul", inputs(d, d))
		if f == 0 {
			sum = square
		} else {
			sum = g.node("Add", inputs(sum, square))
		}
	}
	return sum
}

// onnxNearness adds what the neighbours at these squared distances count, nearest first: 1/distance, but when one is at
// distance 0, 1 for all that are and 0 for the others.
func onnxNearness(g *graph, distances string) string {
	zero := g.doubles("zero", []float64{0})
	inverse := g.node("Reciprocal", inputs(g.node("Sqrt", inputs(distances))))
	here := g.node("Cast", inputs(g.node("Equal", inputs(distances, zero))), intAttribute("to", int(onnxDouble)))
	nearest := g.node("Gather", inputs(distances, g.ints("first", 0)), intAttribute("axis", 1))
	return g.node("Where", inputs(g.node("Equal", inputs(nearest, zero)), here, inverse))
}
