// One-activity workflows with the official Go SDK as client and worker: what a server costs when it is used as
// programs use it. Prints figures under the names of perdure-bench.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func Charge(ctx context.Context, amount int) (int, error) { return amount + 1, nil }

func Order(ctx workflow.Context, amount int) (int, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	result := 0
	err := workflow.ExecuteActivity(ctx, Charge, amount).Get(ctx, &result)
	return result, err
}

func run() error {
	address := flag.String("address", "127.0.0.1:7233", "the server")
	inFlight := flag.Int("in-flight", 10, "how many workflows at a time")
	count := flag.Int("count", 1000, "how many in all")
	flag.Parse()

	quiet := log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	connection, err := client.Dial(client.Options{HostPort: *address, Logger: quiet})
	if err != nil {
		return err
	}
	defer connection.Close()
	queue := fmt.Sprintf("go-bench-%d", time.Now().UnixNano())
	worker := worker.New(connection, queue, worker.Options{})
	worker.RegisterWorkflow(Order)
	worker.RegisterActivity(Charge)
	if err := worker.Start(); err != nil {
		return err
	}
	defer worker.Stop()

	latencies := make([]time.Duration, *count)
	var next atomic.Int64
	var failure atomic.Value
	var group sync.WaitGroup
	begin := time.Now()
	for range *inFlight {
		group.Go(func() {
			for {
				number := int(next.Add(1)) - 1
				if number >= *count || failure.Load() != nil {
					return
				}
				started := time.Now()
				options := client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", queue, number), TaskQueue: queue}
				handle, err := connection.ExecuteWorkflow(context.Background(), options, Order, number)
				result := 0
				if err == nil {
					err = handle.Get(context.Background(), &result)
				}
				if err == nil && result != number+1 {
					err = fmt.Errorf("workflow %d gave %d", number, result)
				}
				if err != nil {
					failure.Store(err)
					return
				}
				latencies[number] = time.Since(started)
			}
		})
	}
	group.Wait()
	took := time.Since(begin)
	if err, failed := failure.Load().(error); failed {
		return err
	}
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("workflows_per_second %.1f\n", float64(*count)/took.Seconds())
	fmt.Printf("latency_p50_ms %.2f\n", milliseconds(latencies[*count/2]))
	fmt.Printf("latency_p99_ms %.2f\n", milliseconds(latencies[*count*99/100]))
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
