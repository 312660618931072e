using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sgl.Router;

/// <summary>What became of a question that the large model was to be asked about an exit.</summary>
internal enum SecondOpinion
{
    /// <summary>Both models gave the same answer.</summary>
    Same,

    /// <summary>They gave different ones.</summary>
    Different,

    /// <summary>The large model had other work.</summary>
    Busy,

    /// <summary>There was no answer.</summary>
    Failed,
}

/// <summary>
/// Asks the large model about a share of the questions whose small answer was final, and compares. One at a time and only while the large model is idle, so that it costs no request
/// anything; the call is no longer the client's and outlives it. See <see cref="SecondOpinionOptions"/>.
/// </summary>
internal sealed partial class SecondOpinions(
    LargeHop large, IOptions<RouterOptions> options, RouterMetrics metrics, IHostApplicationLifetime lifetime, ILogger<SecondOpinions> logger)
{
    private readonly SecondOpinionOptions _options = options.Value.SecondOpinion;
    private readonly Dictionary<string, RunningMean> _agreements = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private double _due;
    private bool _asking;

    /// <summary>Takes note of an exit, and asks about it if it is one of the share.</summary>
    /// <param name="policy">Name of the policy by which it was decided.</param>
    /// <param name="answer">The small model's.</param>
    /// <param name="question">Makes what the large model would have been asked.</param>
    /// <param name="call">The request.</param>
    public void Consider(string policy, string answer, Func<LargeQuestion> question, AnswerCall call)
    {
        lock (_gate)
        {
            // Evenly spaced, whatever the share; what could not be asked is not made up for.
            _due += _options.Share;
            if (_due < 1)
            {
                return;
            }

            _due -= Math.Floor(_due);
            if (_asking)
            {
                metrics.CountSecondOpinion(SecondOpinion.Busy);
                return;
            }

            _asking = true;
        }

        // The request's context is another one's as soon as it has ended.
        _ = AskAsync(policy, answer, question, call with { Http = new DefaultHttpContext(), Deadline = DateTimeOffset.MaxValue, CancellationToken = lifetime.ApplicationStopping });
    }

    /// <summary>Whether two answers say the same: but for case, spaces and a full stop at the end.</summary>
    public static bool IsSame(string one, string other) => Plain(one).Equals(Plain(other), StringComparison.OrdinalIgnoreCase);

    private static string Plain(string answer) => string.Join(' ', answer.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');

    private async Task AskAsync(string policy, string answer, Func<LargeQuestion> question, AnswerCall call)
    {
        try
        {
            if (await large.AskIfIdleAsync(question(), call) is not { } opinion)
            {
                metrics.CountSecondOpinion(SecondOpinion.Busy);
                return;
            }

            var same = IsSame(answer, opinion.Completed.Answer);
            metrics.CountSecondOpinion(same ? SecondOpinion.Same : SecondOpinion.Different);
            Record(policy, same);
        }
        catch (Exception e) when (e is RpcException or HopException or OperationCanceledException or Hosting.InvalidRequestException)
        {
            metrics.CountSecondOpinion(SecondOpinion.Failed);
            LogFailed(logger, e, call.RequestId);
        }
        finally
        {
            lock (_gate)
            {
                _asking = false;
            }
        }
    }

    private void Record(string policy, bool same)
    {
        lock (_gate)
        {
            if (!_agreements.TryGetValue(policy, out var agreement))
            {
                _agreements[policy] = agreement = new RunningMean(_options.Window);
            }

            agreement.Add(same ? 1 : 0);
            if (agreement.Count >= _options.MinimumSamples)
            {
                metrics.SetAgreement(policy, agreement.Value);
            }
        }
    }

    [LoggerMessage(EventId = 1, EventName = "SecondOpinionFailed", Level = LogLevel.Debug, Message = "The large model gave no second opinion on {RequestId}.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string requestId);
}
