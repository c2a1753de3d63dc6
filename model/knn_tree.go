package model

import "math"

// knnTree finds nearest neighbours exactly. It is a k-d tree (Bentley, "Multidimensional binary search trees used for
// associative searching", Communications of the ACM 18, 1975), with a box around the rows of each node instead of a
// plane between its children.
//
// The distance of a box takes the same operations in the same order as that of a row, and each operation rounds
// monotonically. The distance of a box is therefore never above that of a row inside, and skipping a box loses no
// neighbour, not even one that ties.
type knnTree struct {
	features int
	points   []float64 // the rows, leaf by leaf
	rows     []int     // the index of each row in points
	nodes    []knnNode // the left child of a node follows it
	boxes    []float64 // per node: the lowest value of each feature, then the highest
}

// knnNode covers the points from first to last, excluding last.
type knnNode struct {
	first, last int
	right       int // index of the right child; 0 for a leaf
}

// For up to leafRows rows, a box costs more than it saves. With more than treeFeatures features, hardly any box is far
// enough away to be skipped, and a plain search is faster. On 20,000 rows of normally distributed data, a tree takes a
// sixth of the time of a plain search with 6 features, two thirds with 12, and more with 16.
const (
	leafRows     = 64
	treeFeatures = 15
)

// newKNNTree returns a tree of points, row by row. It keeps points and may change them.
func newKNNTree(points []float64, features int) *knnTree {
	t := &knnTree{features: features, points: make([]float64, 0, len(points)), rows: make([]int, len(points)/features)}
	for i := range t.rows {
		t.rows[i] = i
	}
	t.build(points, 0, len(t.rows))
	for _, r := range t.rows {
		t.points = append(t.points, points[r*features:(r+1)*features]...)
	}
	return t
}

// build adds the node of the rows from first to last and all nodes below it. Each side gets half of the rows, so the
// depth is the logarithm of their number even if many are equal.
func (t *knnTree) build(points []float64, first, last int) {
	low, high := t.addBox(points, t.rows[first:last])
	node := len(t.nodes)
	t.nodes = append(t.nodes, knnNode{first: first, last: last})
	if last-first <= leafRows || t.features > treeFeatures {
		return
	}
	widest := 0
	for f := range low {
		if high[f]-low[f] > high[widest]-low[widest] {
			widest = f
		}
	}
	middle := (first + last) / 2
	divide(t.rows[first:last], middle-first, func(row int) float64 { return points[row*t.features+widest] })
	t.build(points, first, middle)
	t.nodes[node].right = len(t.nodes)
	t.build(points, middle, last)
}

// addBox appends the box around rows.
func (t *knnTree) addBox(points []float64, rows []int) (low, high []float64) {
	at := len(t.boxes)
	t.boxes = append(t.boxes, points[rows[0]*t.features:][:t.features]...)
	t.boxes = append(t.boxes, points[rows[0]*t.features:][:t.features]...)
	low, high = t.boxes[at:at+t.features], t.boxes[at+t.features:]
	for _, r := range rows[1:] {
		for f, v := range points[r*t.features:][:t.features] {
			low[f], high[f] = min(low[f], v), max(high[f], v)
		}
	}
	return low, high
}

// divide reorders rows so that none of the first n has a higher key than any other. It is Hoare's "Algorithm 65: find",
// Communications of the ACM 4, 1961.
func divide(rows []int, n int, key func(int) float64) {
	from, to := 0, len(rows)-1
	for from < to {
		pivot := key(rows[(from+to)/2])
		i, j := from, to
		for i <= j {
			for key(rows[i]) < pivot {
				i++
			}
			for key(rows[j]) > pivot {
				j--
			}
			if i <= j {
				rows[i], rows[j] = rows[j], rows[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			to = j
		case n >= i:
			from = i
		default:
			return
		}
	}
}

// search puts the nearest rows to z into found.
func (t *knnTree) search(z []float64, found *neighbours) { t.visit(0, z, found) }

// visit searches below a node. It visits the nearer child first, because what it finds there may rule out the other
// one.
func (t *knnTree) visit(node int, z []float64, found *neighbours) {
	n := t.nodes[node]
	if n.right == 0 {
		for i := n.first; i < n.last; i++ {
			found.offer(squaredDistance(z, t.points[i*t.features:], found.limit), t.rows[i])
		}
		return
	}
	near, far := node+1, n.right
	nearDistance, farDistance := t.boxDistance(near, z), t.boxDistance(far, z)
	if farDistance < nearDistance {
		near, far = far, near
		nearDistance, farDistance = farDistance, nearDistance
	}
	if nearDistance <= found.limit {
		t.visit(near, z, found)
	}
	if farDistance <= found.limit {
		t.visit(far, z, found)
	}
}

// boxDistance returns the squared distance of z from the nearest point in the box of a node.
func (t *knnTree) boxDistance(node int, z []float64) float64 {
	low := t.boxes[2*node*t.features:][:len(z)]
	high := t.boxes[(2*node+1)*t.features:][:len(z)]
	sum := 0.0
	for f, v := range z {
		if v < low[f] {
			d := low[f] - v
			sum += float64(d * d)
		} else if v > high[f] {
			d := v - high[f]
			sum += float64(d * d)
		}
	}
	return sum
}

// squaredDistance returns the sum of the squared differences in the order of the features. onnxDistances uses the same
// operations. The conversions keep the compiler from using fused multiply-add, which rounds once instead of twice. A
// result above limit may be incomplete.
func squaredDistance(z, c []float64, limit float64) float64 {
	c = c[:len(z)]
	sum := 0.0
	for len(z) > 4 {
		d0, d1, d2, d3 := z[0]-c[0], z[1]-c[1], z[2]-c[2], z[3]-c[3]
		sum += float64(d0 * d0)
		sum += float64(d1 * d1)
		sum += float64(d2 * d2)
		sum += float64(d3 * d3)
		if sum > limit {
			return sum
		}
		z, c = z[4:], c[4:len(z)]
	}
	for f, v := range z {
		d := v - c[f]
		sum += float64(d * d)
	}
	return sum
}

// neighbour is a training row and its squared distance.
type neighbour struct {
	distance float64
	row      int
}

// neighbours holds the k nearest rows so far, nearest first. Of equally near rows, the one with the lower index is
// first.
type neighbours struct {
	k, n  int
	limit float64 // a row at a greater distance is not among the nearest
	best  [maxNeighbours]neighbour
}

// reset empties the list and sets k.
func (l *neighbours) reset(k int) { l.k, l.n, l.limit = k, 0, math.Inf(1) }

// list returns the rows so far. The slice points into l.
func (l *neighbours) list() []neighbour { return l.best[:l.n] }

// offer adds a row if it is among the nearest.
func (l *neighbours) offer(distance float64, row int) {
	if distance > l.limit || l.n == l.k && distance == l.limit && row > l.best[l.n-1].row {
		return
	}
	if l.n < l.k {
		l.n++
	}
	i := l.n - 1
	for ; i > 0; i-- {
		if before := l.best[i-1]; before.distance < distance || before.distance == distance && before.row < row {
			break
		}
		l.best[i] = l.best[i-1]
	}
	l.best[i] = neighbour{distance, row}
	if l.n == l.k {
		l.limit = l.best[l.k-1].distance
	}
}
