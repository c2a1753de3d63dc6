package search

import (
	"math"
	"strconv"

	"iris/model"
)

// calibrate finds the temperature of the picks and sets it in c if it lowers the log loss enough on rows that had no
// part in finding it.
func (s *selection) calibrate(c *Combined, p picked) {
	var before, after []float64
	for i, fold := range s.folds {
		outside := s.outside(i)
		t := temperature(s.mix(p.outside[i], outside), s.labels(outside), s.classes)
		z, y := logarithms(s.mix(p.outside[i], fold)), s.labels(fold)
		before, after = append(before, tempered(z, y, s.classes, 1)), append(after, tempered(z, y, s.classes, t))
	}
	c.Calibration = compare(before, after, LogLoss)
	if c.Calibration.Taken {
		c.Temperature = temperature(s.mix(p.all, s.rows), s.labels(s.rows), s.classes)
	}
}

// temperature returns the temperature with the lowest log loss for probabilities [rows, classes], with four digits. As
// a function of 1/temperature the loss is convex, so a golden-section search finds its only minimum.
func temperature(p []float64, y []int, classes int) float64 {
	z := logarithms(p)
	loss := func(logT float64) float64 { return tempered(z, y, classes, math.Exp(logT)) }
	const golden = 0.6180339887498949
	low, high := math.Log(model.MinTemperature), math.Log(model.MaxTemperature)
	a, b := high-golden*(high-low), low+golden*(high-low)
	lossA, lossB := loss(a), loss(b)
	for high-low > 1e-4 {
		if lossA <= lossB {
			high, b, lossB = b, a, lossA
			a = high - golden*(high-low)
			lossA = loss(a)
		} else {
			low, a, lossA = a, b, lossB
			b = low + golden*(high-low)
			lossB = loss(b)
		}
	}
	t, err := strconv.ParseFloat(strconv.FormatFloat(math.Exp((low+high)/2), 'g', 4, 64), 64)
	if err != nil {
		return 1 // cannot happen for a number that was just formatted
	}
	return min(max(t, model.MinTemperature), model.MaxTemperature)
}

// logarithms replaces probabilities by their logarithms and returns them.
func logarithms(p []float64) []float64 {
	for i, v := range p {
		p[i] = math.Log(max(v, model.MinProbability))
	}
	return p
}

// tempered returns the mean log loss of softmax(z/t) for rows of the classes y.
func tempered(z []float64, y []int, classes int, t float64) float64 {
	loss := 0.0
	for r, k := range y {
		row := z[r*classes : (r+1)*classes]
		highest := row[0]
		for _, v := range row {
			highest = max(highest, v)
		}
		sum := 0.0
		for _, v := range row {
			sum += math.Exp((v - highest) / t)
		}
		loss += min(math.Log(sum)-(row[k]-highest)/t, -math.Log(model.MinProbability))
	}
	return loss / float64(len(y))
}
