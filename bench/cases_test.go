//go:build bench

package bench

import "iris/model"

// contest is a learner of Iris and the peers that it is compared with.
type contest struct {
	title           string
	algorithm       model.Algorithm
	hyperparameters string
	peers           []peer
}

// peer is a learner of peer.py.
type peer struct {
	name string
	once bool // too slow for more than one fit of a large set
}

// contests returns the contests on a data set. Iris has its default hyperparameters.
func contests(set string) []contest {
	all := []contest{
		{title: "logistic_regression", peers: []peer{{name: "LogisticRegression"}}},
		{title: "decision_tree", peers: []peer{{name: "DecisionTreeClassifier"}}},
		{title: "random_forest", peers: []peer{{name: "RandomForestClassifier", once: true}}},
		{title: "gbdt", peers: []peer{{name: "LightGBM"}, {name: "HistGradientBoostingClassifier"}}},
		{title: "gaussian_nb", peers: []peer{{name: "GaussianNB"}}},
		{title: "knn", peers: []peer{{name: "KNeighborsClassifier"}}},
		{title: "mlp", peers: []peer{{name: "MLPClassifier", once: true}}},
	}
	for i := range all {
		all[i].algorithm = model.Algorithm(all[i].title)
	}
	switch set {
	case "iris": // the network of the project's first version
		all = append(all, contest{
			title: "mlp, 10-7-5", algorithm: model.MLP, hyperparameters: `{"preset": "10-7-5"}`,
			peers: []peer{{name: "MLPClassifier, 10-7-5, 700 epochs"}},
		})
	case "synth100k":
		last := &all[len(all)-1]
		last.peers = append(last.peers, peer{name: "MLPClassifier, 20 epochs"})
	}
	return all
}

// plan says how often a data set is fitted.
type plan struct {
	rounds      int     // the median of the rounds is reported
	folds       [][]int // the folds of each round; the last entry is for every later round
	peerThreads []int   // the settings of a peer; the fastest is reported
	warmUp      bool    // begin with a round that does not count
}

// planOf returns seven rounds of all folds for a small set. Two threads slow some peers down there, so each also runs
// with one. A round on the large set fits one fold.
func planOf(set string) plan {
	if set == "synth100k" {
		return plan{rounds: 3, folds: [][]int{{0}, {1}, {2}}, peerThreads: []int{threads}}
	}
	return plan{rounds: 7, folds: [][]int{{0, 1, 2, 3, 4}}, peerThreads: []int{1, threads}, warmUp: true}
}

// of returns the folds of a round.
func (p plan) of(round int) []int { return p.folds[min(round, len(p.folds)-1)] }
