//go:build bench

package bench

import "iris/model"

// contest is one of our learners and those that it is measured beside.
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

// contests lists what is measured on a data set, our side with its default hyperparameters.
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
	case "iris": // the network that the project began with
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

// plan is how often a data set is fitted.
type plan struct {
	rounds      int     // of which the median is reported
	folds       [][]int // the folds that a round fits, by round; the last entry is every later round's
	peerThreads []int   // what a peer is tried with; the fastest is reported
	warmUp      bool    // with a round that is not counted
}

// planOf gives a small set seven rounds of all folds. Two threads slow some peers down there, so each is tried with
// one as well. A round on the large set fits one fold.
func planOf(set string) plan {
	if set == "synth100k" {
		return plan{rounds: 3, folds: [][]int{{0}, {1}, {2}}, peerThreads: []int{threads}}
	}
	return plan{rounds: 7, folds: [][]int{{0, 1, 2, 3, 4}}, peerThreads: []int{1, threads}, warmUp: true}
}

// of returns the folds of a round.
func (p plan) of(round int) []int { return p.folds[min(round, len(p.folds)-1)] }
