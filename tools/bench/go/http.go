// An HTTP client: concurrent requests over keep-alive connections, or each over a new connection.
// http <url> <at once> <requests> <keep-alive|new>
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	url := os.Args[1]
	atOnce, _ := strconv.Atoi(os.Args[2])
	requests, _ := strconv.Atoi(os.Args[3])
	transport := &http.Transport{MaxIdleConnsPerHost: atOnce, DisableKeepAlives: os.Args[4] == "new"}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}

	start, used := time.Now(), cpu()
	var next int64
	var group sync.WaitGroup
	for worker := 0; worker < atOnce; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for atomic.AddInt64(&next, 1) <= int64(requests) {
				response, err := client.Get(url)
				if err != nil {
					panic(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}()
	}
	group.Wait()
	fmt.Printf("{\"items\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", requests, time.Since(start).Seconds(), cpu()-used)
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}
