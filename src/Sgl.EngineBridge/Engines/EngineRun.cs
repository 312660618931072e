using System.Text;
using Sgl.EngineBridge.Internal;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>A whole answer of an engine.</summary>
/// <param name="Text">Without leading and trailing white space.</param>
/// <param name="Reason">Why it ended.</param>
/// <param name="Usage">The engine's counts; null: it told none.</param>
/// <param name="LogProbabilities">One for each token; null where it was not told.</param>
/// <param name="FirstToken">From the start to the first token; zero without one.</param>
/// <param name="Total">From the start to the end.</param>
internal sealed record EngineResult(
    string Text, Wire.FinishReason Reason, EngineUsage? Usage, IReadOnlyList<float?> LogProbabilities, TimeSpan FirstToken, TimeSpan Total);

/// <summary>Runs a question to its end, hands out its tokens, and measures.</summary>
internal static class EngineRun
{
    /// <summary>Asks.</summary>
    /// <param name="engine">Whom.</param>
    /// <param name="question">What.</param>
    /// <param name="correlationId">For the log.</param>
    /// <param name="metrics">Told the times.</param>
    /// <param name="time">Clock.</param>
    /// <param name="started">Timestamp from which times count.</param>
    /// <param name="onToken">Gets each token as it comes.</param>
    /// <param name="cancellationToken">Ends the work, at the engine too.</param>
    public static async Task<EngineResult> RunAsync(
        ChatEngine engine, EngineQuestion question, string correlationId, BridgeMetrics metrics, TimeProvider time, long started, Func<Wire.Token, Task> onToken,
        CancellationToken cancellationToken)
    {
        var (text, probabilities) = (new StringBuilder(), new List<float?>());
        var (first, last) = (TimeSpan.Zero, started);
        EngineEvent.End? end = null;
        await foreach (var e in engine.AskAsync(question, correlationId, cancellationToken))
        {
            if (e is EngineEvent.Text token)
            {
                var now = time.GetTimestamp();
                var wait = time.GetElapsedTime(last, now);
                metrics.ObserveToken(probabilities.Count, wait);
                first = probabilities.Count == 0 ? wait : first;
                last = now;
                text.Append(token.Value);
                await onToken(new Wire.Token { Index = probabilities.Count, Id = -1, Text = token.Value, LogProbability = token.LogProbability ?? 0 });
                probabilities.Add(token.LogProbability);
            }
            else
            {
                end = (EngineEvent.End)e;
            }
        }

        return new EngineResult(text.ToString().Trim(), end!.Reason, end.Usage, probabilities, first, time.GetElapsedTime(started));
    }
}
