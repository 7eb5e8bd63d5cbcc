// A port scanner: net.DialTimeout in goroutines. With 0 for <at once>, each port gets a goroutine, as in simple Go programs.
// scan <address> <first port> <last port> <at once> <timeout ms>
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	host := os.Args[1]
	first, _ := strconv.Atoi(os.Args[2])
	last, _ := strconv.Atoi(os.Args[3])
	atOnce, _ := strconv.Atoi(os.Args[4])
	milliseconds, _ := strconv.Atoi(os.Args[5])
	timeout := time.Duration(milliseconds) * time.Millisecond
	// Go 1.19 and later do this automatically. With older versions, ports would fail for lack of descriptors.
	limit := syscall.Rlimit{}
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = limit.Max
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)

	start, used := time.Now(), cpu()
	var open, closed, filtered, failed int64
	scan := func(port int) {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), timeout)
		var timedOut net.Error
		switch {
		case err == nil:
			conn.Close()
			atomic.AddInt64(&open, 1)
		case errors.Is(err, syscall.ECONNREFUSED):
			atomic.AddInt64(&closed, 1)
		case errors.As(err, &timedOut) && timedOut.Timeout():
			atomic.AddInt64(&filtered, 1)
		default:
			atomic.AddInt64(&failed, 1)
		}
	}
	var group sync.WaitGroup
	if atOnce == 0 {
		for port := first; port <= last; port++ {
			group.Add(1)
			go func(port int) {
				defer group.Done()
				scan(port)
			}(port)
		}
	}
	next := int64(first) - 1
	for worker := 0; worker < atOnce; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for port := int(atomic.AddInt64(&next, 1)); port <= last; port = int(atomic.AddInt64(&next, 1)) {
				scan(port)
			}
		}()
	}
	group.Wait()
	fmt.Printf("{\"items\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"open\":%d,\"closed\":%d,\"filtered\":%d,\"failed\":%d}\n",
		last-first+1, time.Since(start).Seconds(), cpu()-used, open, closed, filtered, failed)
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}
