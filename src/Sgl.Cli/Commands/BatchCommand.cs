using System.CommandLine;
using Sgl.Batch;
using Sgl.Cli.Evaluation;
using Sgl.Cli.Internal;
using Sgl.Evaluation;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl batch</c>: a file of requests in OpenAI's batch format, to a running router or to models in this process.</summary>
internal static class BatchCommand
{
    public static Command Create(Terminal terminal)
    {
        var requests = new Argument<string>("requests") { Description = "JSON Lines of custom_id, method, url and body, as OpenAI's batches have them.", HelpName = "FILE" };
        var output = new Option<string?>("--out", "-o") { Description = "Answers, one line each. The same file continues a run. Default: REQUESTS.answers.jsonl beside the requests.", HelpName = "FILE" };
        var errors = new Option<string?>("--errors") { Description = "What failed, one line each. Default: REQUESTS.errors.jsonl beside the requests.", HelpName = "FILE" };
        var retry = new Option<bool>("--retry-errors") { Description = "Ask again what failed in an earlier run." };
        var concurrency = new Option<int?>("--concurrency") { Description = "Requests in flight. Default 8.", HelpName = "N", CustomParser = Parsers.Count };
        var router = new Option<string?>("--router")
        {
            Description = $"Address of a running router's HTTP API, instead of loading the models here. A key for it is taken from {RouterClient.KeyVariable}.",
            HelpName = "ADDRESS",
        };
        var (small, large) = (CommonOptions.Small(), CommonOptions.Large());
        var command = new Command("batch", "Answers a file of requests, several at once. Stopped or killed, the same command goes on where it was.")
        {
            requests, output, errors, retry, concurrency, router, small, large,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(router) is not null && (result.GetResult(small) is not null || result.GetResult(large) is not null))
            {
                result.AddError("--router excludes --small and --large: a running router has its own models.");
            }

            if (result.GetValue(concurrency) is 0)
            {
                result.AddError("--concurrency must be at least 1.");
            }
        });
        var pictures = new PictureOptions();
        pictures.AddTo(command, router);
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = result.GetValue(requests)!;
            var name = Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileNameWithoutExtension(path));
            using var file = BatchFile.Open(path);
            using var results = BatchResults.Open(
                result.GetValue(output) ?? $"{name}.answers.jsonl", result.GetValue(errors) ?? $"{name}.errors.jsonl", result.GetValue(retry));
            var options = new BatchOptions { Concurrency = result.GetValue(concurrency) ?? new BatchOptions().Concurrency };
            if (result.GetValue(router) is { } address)
            {
                return await RunAsync(terminal, RouterClient.ParseAddress(address), file, results, options, cancellationToken);
            }

            await using var services = await LocalServices.StartAsync(
                new LocalServicesOptions
                {
                    Small = CheckpointFolders.Small(result.GetValue(small)),
                    Large = CheckpointFolders.Large(result.GetValue(large)),
                    Pictures = pictures.Of(result),
                    HttpPort = 0,
                },
                terminal,
                cancellationToken);
            var exitCode = await RunAsync(terminal, services.Endpoints("router").Http!, file, results, options, cancellationToken);
            await services.StopAsync();
            return exitCode;
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, Uri router, BatchFile file, BatchResults results, BatchOptions options, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = router, Timeout = Timeout.InfiniteTimeSpan };
        if (Environment.GetEnvironmentVariable(RouterClient.KeyVariable) is { Length: > 0 } key)
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        }

        if (results.Known.Count > 0)
        {
            terminal.Hint(FormattableString.Invariant($"{results.Known.Count} of {file.Requests.Count} requests were asked in an earlier run"));
        }

        try
        {
            await EvaluationBars.RunAsync(terminal, results.Known.Count, progress => new BatchRunner(client, options, TimeProvider.System).RunAsync(
                file, results, new CallbackProgress<BatchProgress>(p => progress.Report(new EvaluationProgress(p.Done, p.Total, p.Failed))), cancellationToken));
        }
        catch (Exception e) when (e is OperationCanceledException or BatchException)
        {
            terminal.Hint(FormattableString.Invariant($"{results.Answered + results.Failed} of {file.Requests.Count} requests were asked; the same command goes on from there"));
            throw;
        }

        terminal.Line(FormattableString.Invariant($"{results.Answered} answered, {results.Failed} failed"));
        return results.Failed == 0 ? ExitCodes.Success : ExitCodes.Failed;
    }
}
