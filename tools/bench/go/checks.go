// Runs checks of one kind as a typical Go program would: each on a new connection that is bound to a device.
// checks <kind> <at once> <checks> <address> <device> <ca> <tcp and http port> <https port> <domain>
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	kind, address, device := os.Args[1], os.Args[4], os.Args[5]
	atOnce, _ := strconv.Atoi(os.Args[2])
	checks, _ := strconv.Atoi(os.Args[3])
	httpPort, httpsPort, domain := os.Args[7], os.Args[8], os.Args[9]
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, _ string, connection syscall.RawConn) error {
		var failure error
		err := connection.Control(func(fd uintptr) {
			failure = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, device)
		})
		if err != nil {
			return err
		}
		return failure
	}}
	pem, err := os.ReadFile(os.Args[6])
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		DialContext:       dialer.DialContext,
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
	}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, net.JoinHostPort(address, "53"))
	}}
	fetch := func(url string) {
		response, err := client.Get(url)
		must(err)
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != 200 {
			panic(response.Status)
		}
	}
	check := map[string]func(int64){
		"tcp": func(int64) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, httpPort))
			must(err)
			connection.(*net.TCPConn).SetLinger(0)
			connection.Close()
		},
		"dns": func(index int64) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, err := resolver.LookupIP(ctx, "ip4", fmt.Sprintf("name%d.%s.", index%1000, domain))
			must(err)
		},
		"http":  func(int64) { fetch("http://" + net.JoinHostPort(address, httpPort) + "/") },
		"https": func(int64) { fetch("https://" + net.JoinHostPort(address, httpsPort) + "/") },
	}[kind]

	pool(1200, atOnce, check)
	start, used := time.Now(), cpu()
	pool(checks, atOnce, check)
	fmt.Printf("{\"items\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", checks, time.Since(start).Seconds(), cpu()-used)
}

func pool(count, atOnce int, check func(int64)) {
	var next int64
	var group sync.WaitGroup
	for worker := 0; worker < atOnce; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for index := atomic.AddInt64(&next, 1); index <= int64(count); index = atomic.AddInt64(&next, 1) {
				check(index)
			}
		}()
	}
	group.Wait()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}
