package main

import (
	"fmt"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/dustin/go-humanize"
)

// memory reads an amount of memory, such as 4GiB. Nothing means 70 % of what this process may use, so that the worker
// itself, its uploads and its batches have the rest.
func memory(value string) (int64, error) {
	if value == "" {
		return int64(available() / 10 * 7), nil
	}
	bytes, err := humanize.ParseBytes(value)
	if err == nil && bytes > 1<<50 {
		err = fmt.Errorf("want at most 1 PiB")
	}
	return int64(bytes), err
}

// available returns the bytes that this process may use: the limit of its container, or the memory of the machine. It
// returns 0 if neither is known.
func available() uint64 {
	machine, err := memlimit.FromSystem()
	if err != nil {
		machine = 0
	}
	container, err := memlimit.FromCgroup()
	if err != nil || container > machine && machine > 0 {
		return machine
	}
	return container
}
