// The workloads of `src/workloads/` that are done side by side, in Go.
//
//	main WORK SIZE MICROS    for each line that is read, a sample of so many
//	                         microseconds, printed as readings
//	main echo                an echo server
//
// WORK has the name and does what the Rust function of that name does, and checks
// its result. GOMAXPROCS says how many threads run goroutines.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const nap = 10 * time.Millisecond

// So many samples long is the warm-up, which also tells how many calls are a sample.
const warmUp = 10

var works = map[string]func(size int){
	"spawn_then_join": spawnThenJoin,
	"ping_pong":       pingPong,
	"gather_sleeps":   gatherSleeps,
}

// A goroutine has no output: it stores it, and a WaitGroup tells that all are done.
func spawnThenJoin(size int) {
	numbers := make([]int, size)
	var running sync.WaitGroup
	running.Add(size)
	for number := range numbers {
		number := number
		go func() {
			numbers[number] = number
			running.Done()
		}()
	}
	running.Wait()
	sum := 0
	for _, number := range numbers {
		sum += number
	}
	check(sum == size*(size-1)/2)
}

func pingPong(size int) {
	for number := 0; number < size; number++ {
		ping, pong := make(chan int, 1), make(chan int, 1)
		ended := make(chan struct{})
		go func() {
			pong <- <-ping + 1
			close(ended)
		}()
		ping <- number
		check(<-pong == number+1)
		<-ended
	}
}

func gatherSleeps(size int) {
	start := time.Now()
	outputs := make([]int, size)
	var running sync.WaitGroup
	running.Add(size)
	for number := range outputs {
		number := number
		go func() {
			time.Sleep(nap)
			outputs[number] = number
			running.Done()
		}()
	}
	running.Wait()
	for number, output := range outputs {
		check(number == output)
	}
	check(time.Since(start) >= nap)
}

type reading struct {
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// How long so many calls take, on both clocks.
func repeat(work func(int), size int, calls int) (wall, cpu time.Duration) {
	wallStart, cpuStart := time.Now(), cpuTime()
	for call := 0; call < calls; call++ {
		work(size)
	}
	return time.Since(wallStart), cpuTime() - cpuStart
}

func answerSamples(work func(int), size int, long time.Duration) error {
	calls := 0
	for end := time.Now().Add(warmUp * long); time.Now().Before(end); calls++ {
		work(size)
	}
	if calls /= warmUp; calls == 0 {
		calls = 1
	}
	perOperation := func(took time.Duration) float64 {
		return float64(took) / float64(calls*size)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		wall, cpu := repeat(work, size, calls)
		readings := []reading{
			{"ns wall/op", perOperation(wall)},
			{"ns cpu/op", perOperation(cpu)},
		}
		if err := json.NewEncoder(os.Stdout).Encode(readings); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Of all threads of this process.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	check(err == nil)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Serves until the standard input is closed.
func echo() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on %v\n", listener.Addr())
	go accept(listener)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(connection)
	}
}

// Not io.Copy, which would splice: nobody who answers requests can do that.
func serve(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 16*1024)
	for {
		length, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:length]); err != nil {
			return
		}
	}
}

func check(holds bool) {
	if !holds {
		fmt.Fprintln(os.Stderr, "a wrong answer")
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "echo" {
		return echo()
	}
	if len(arguments) != 3 {
		return errors.New("usage: main WORK SIZE MICROS | main echo")
	}
	work, isKnown := works[arguments[0]]
	if !isKnown {
		return fmt.Errorf("no work has the name %q", arguments[0])
	}
	size, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	micros, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	return answerSamples(work, size, time.Duration(micros)*time.Microsecond)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
