using System.Diagnostics;
using Sgl.Hosting;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Runs a prepared request to its end, hands out its tokens, and measures.</summary>
public sealed class AnswerRunner(EngineMetrics metrics, TimeProvider time)
{
    /// <summary>Generates an answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="options">What is wanted.</param>
    /// <param name="started">Timestamp (<see cref="TimeProvider.GetTimestamp"/>) from which times count.</param>
    /// <param name="onToken">Gets each token as it comes.</param>
    /// <param name="cancellationToken">Ends the generation and frees what it holds.</param>
    /// <returns>The result, with times as the client of this service sees them.</returns>
    /// <exception cref="InvalidRequestException">What is wanted does not fit the model.</exception>
    public async Task<GenerationResult> RunAsync(
        PreparedRequest request, GenerationOptions options, long started, Func<Wire.Token, Task> onToken, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(onToken);
        try
        {
            return await GenerateAsync(request, options, started, onToken, cancellationToken);
        }
        catch (EngineRequestException e)
        {
            throw e.Below(request.Field);
        }
    }

    private async Task<GenerationResult> GenerateAsync(
        PreparedRequest request, GenerationOptions options, long started, Func<Wire.Token, Task> onToken, CancellationToken cancellationToken)
    {
        var last = started;
        var firstToken = TimeSpan.Zero;
        await foreach (var e in request.Engine.GenerateAsync(request.Prompt, options, cancellationToken))
        {
            switch (e)
            {
                case GenerationEvent.Token token:
                    var now = time.GetTimestamp();
                    var wait = time.GetElapsedTime(last, now);
                    metrics.ObserveToken(token.Index, wait);
                    firstToken = token.Index == 0 ? wait : firstToken;
                    last = now;
                    await onToken(WireResult.Token(token));
                    break;

                case GenerationEvent.Completed { Result: var result }:
                    var timings = result.Timings with
                    {
                        Preprocess = request.PreprocessTime,
                        TimeToFirstToken = firstToken,
                        Total = time.GetElapsedTime(started),
                    };
                    result = result with { Timings = timings };
                    metrics.ObserveResult(result);
                    return result;
            }
        }

        throw new UnreachableException("The engine ended an answer without completing it.");
    }
}
