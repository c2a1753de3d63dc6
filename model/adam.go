package model

import "math"

// adam is the optimiser of Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, with the decay rates
// that they recommend. Each component moves by its mean gradient over the root of its mean square.
type adam struct {
	rate          float64
	first, second []float64 // running means of the gradient and of its square
	decay1        float64   // decayFirst to the power of the number of steps
	decay2        float64   // decaySecond to the power of the number of steps
}

const (
	decayFirst  = 0.9
	decaySecond = 0.999
	adamEpsilon = 1e-8 // limits the step of a component whose gradient has been close to 0 so far
)

func newAdam(n int, rate float64) *adam {
	return &adam{rate: rate, first: make([]float64, n), second: make([]float64, n), decay1: 1, decay2: 1}
}

// step moves theta by one step. The running means start at 0, and the rate corrects the bias that follows from it.
func (a *adam) step(theta, gradient []float64) {
	a.decay1 *= decayFirst
	a.decay2 *= decaySecond
	rate := a.rate * math.Sqrt(1-a.decay2) / (1 - a.decay1)
	first, second := a.first[:len(theta)], a.second[:len(theta)]
	for i, g := range gradient[:len(theta)] {
		first[i] = decayFirst*first[i] + (1-decayFirst)*g
		second[i] = decaySecond*second[i] + (1-decaySecond)*g*g
		theta[i] -= rate * first[i] / (math.Sqrt(second[i]) + adamEpsilon)
	}
}
