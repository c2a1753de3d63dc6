package workflows

// For the tests of the pure decisions.
var (
	Rungs      = rungs
	RungShare  = rungShare
	Candidates = Search.candidates
	Cheapest   = cheapest
	Ranked     = ranked
)
