//go:build !race

package model

// forgotten is how many allocations a call may have on average because a sync.Pool has forgotten what it was given.
const forgotten = 0
