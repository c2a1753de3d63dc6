//go:build race

package model

// forgotten is how many allocations a call may have on average because a sync.Pool has forgotten what it was given.
// With
// the race detector it does so at random, and knn and mlp have a pool of their own beside that of the design.
const forgotten = 1
