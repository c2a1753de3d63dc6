package child

import (
	"fmt"
	"os"
	"syscall"
)

// attributes puts the child into its own process group, so that Ctrl-C reaches the parent only, which kills the child.
// The kernel kills the child when the thread that started it ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// sacrifice makes the kernel refuse memory to a process that grows too fast to be watched, and kill this process before
// others if the container has no memory left. Both are a second line of defence, so a kernel that refuses them is no
// reason to stop.
func sacrifice(limit int64) {
	if reserved, ok := reserved(); ok {
		hard := uint64(reserved + limit + limit/4 + 64<<20) // the rest is data of Go's runtime
		_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: hard, Max: hard})
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}

// reserved returns the bytes that count for RLIMIT_DATA. Go has reserved more of them than it uses: 40 MB in a small
// program, and 140 MB in Iris.
func reserved() (bytes int64, ok bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	var size, resident, shared, text, library, data int64
	_, err = fmt.Sscan(string(statm), &size, &resident, &shared, &text, &library, &data)
	return data * int64(os.Getpagesize()), err == nil
}
