// The official Go SDK as client and worker against the server at PERDURE_ADDRESS. Prints a line for each case, and how
// many passed; exits 1 if one failed.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
)

const (
	queue   = "go"
	caseMax = 30 * time.Second
)

var quiet = log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))

// failure is what a case panics with where something is not as it should be.
type failure struct{ text string }

func fail(format string, arguments ...any) {
	panic(failure{fmt.Sprintf(format, arguments...)})
}

// run says why the case failed, or nothing.
func run(one func(*T), c client.Client, activities *Activities) string {
	ctx, cancel := context.WithTimeout(context.Background(), caseMax)
	defer cancel()
	ended := make(chan string, 1)
	go func() {
		defer func() {
			switch thrown := recover().(type) {
			case nil:
				ended <- ""
			case failure:
				ended <- fmt.Sprintf("%s\n%s", thrown.text, debug.Stack())
			default:
				panic(thrown)
			}
		}()
		one(&T{ctx, c, activities})
	}()
	select {
	case why := <-ended:
		return why
	case <-time.After(caseMax + time.Second):
		return fmt.Sprintf("no end after %v", caseMax)
	}
}

func newWorker(c client.Client, taskQueue string, activities *Activities) worker.Worker {
	w := worker.New(c, taskQueue, worker.Options{MaxHeartbeatThrottleInterval: 100 * time.Millisecond})
	for _, each := range workflows {
		w.RegisterWorkflow(each)
	}
	w.RegisterActivity(activities)
	return w
}

func runAll() (passed, failed int, err error) {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("PERDURE_ADDRESS"), Logger: quiet})
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	_, err = c.OperatorService().AddSearchAttributes(context.Background(), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default",
		SearchAttributes: map[string]enumspb.IndexedValueType{
			customer.GetName(): enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			amount.GetName():   enumspb.INDEXED_VALUE_TYPE_INT,
		},
	})
	if err != nil {
		return 0, 0, err
	}
	activities := &Activities{make(chan activity.Info, 100), make(chan activity.Info, 100)}
	w := newWorker(c, queue, activities)
	if err := w.Start(); err != nil {
		return 0, 0, err
	}
	defer w.Stop()
	for _, one := range cases {
		if why := run(one.run, c, activities); why != "" {
			failed++
			fmt.Printf("FAILED %s: %s\n", one.name, why)
		} else {
			passed++
			fmt.Printf("passed %s\n", one.name)
		}
	}
	return passed, failed, nil
}

func main() {
	passed, failed, err := runAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the Go SDK does not run:", err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
