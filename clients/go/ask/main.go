// Command ask puts a question about images to the router and prints what happens, as it happens.
//
//	go run ./ask -image ../../samples/codes.png "What is the code in the orange box?"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	sglv1 "github.com/sgl-serving/sgl/clients/go/gen/sgl/v1"
)

type files []string

func (f *files) String() string     { return strings.Join(*f, ", ") }
func (f *files) Set(s string) error { *f = append(*f, s); return nil }

func main() {
	var images files
	flag.Var(&images, "image", "image `file`; may be repeated")
	address := flag.String("address", "localhost:5100", "the router")
	timeout := flag.Duration("timeout", time.Minute, "for the whole answer")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}

	if err := ask(*address, *timeout, images, flag.Arg(0)); err != nil {
		if s, ok := status.FromError(err); ok {
			fmt.Fprintf(os.Stderr, "%s: %s\n", s.Code(), s.Message())
		} else {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func ask(address string, timeout time.Duration, images []string, question string) error {
	request := &sglv1.AnswerRequest{Messages: []*sglv1.ChatMessage{{
		Role:  sglv1.ChatRole_CHAT_ROLE_USER,
		Parts: []*sglv1.ChatPart{{Content: &sglv1.ChatPart_Text{Text: question}}},
	}}}
	for _, path := range images {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		request.Images = append(request.Images, &sglv1.Image{Data: data, Name: filepath.Base(path)})
	}

	connection, err := grpc.Dial(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()

	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	stream, err := sglv1.NewRouterServiceClient(connection).Answer(ctx, request)
	if err != nil {
		return err
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		show(event)
	}
}

func show(event *sglv1.AnswerResponse) {
	switch e := event.Event.(type) {
	case *sglv1.AnswerResponse_Layout:
		fmt.Printf("%d visual tokens\n", e.Layout.VisualTokenCount)
	case *sglv1.AnswerResponse_SmallToken:
		// Provisional: a large model's answer replaces it.
		fmt.Print(e.SmallToken.Text)
	case *sglv1.AnswerResponse_Decision:
		fmt.Printf("\n-> %s\n", e.Decision.Explanation)
	case *sglv1.AnswerResponse_LargeToken:
		fmt.Print(e.LargeToken.Text)
	case *sglv1.AnswerResponse_Completed:
		end := e.Completed
		path := strings.ToLower(strings.TrimPrefix(end.Path.String(), "ANSWER_PATH_"))
		fmt.Printf("\nanswer: %s\npath:   %s after %d ms\n", end.Answer, path, end.Total.AsDuration().Milliseconds())
		if end.Pruning != nil {
			fmt.Printf("kept:   %v visual tokens (%.0f%% on average)\n", end.Pruning.KeptVisualTokenCounts, 100*end.Pruning.AverageRetention)
		}
	}
}
