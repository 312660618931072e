using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>What a request brings beside its message.</summary>
/// <param name="RequestId">Correlation id, passed to both models.</param>
/// <param name="Deadline">Until when the client waits.</param>
/// <param name="Tenant">Metadata that tells both models whom the request is from; null: nothing to tell.</param>
/// <param name="Http">The request behind it.</param>
/// <param name="CancellationToken">Cancelled when the client is gone, its deadline passed, or the router's drain is over.</param>
internal readonly record struct AnswerCall(string RequestId, DateTimeOffset Deadline, Metadata.Entry? Tenant, HttpContext Http, CancellationToken CancellationToken)
{
    // Timers here and there do not run out in the same moment.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(100);

    public static AnswerCall From(ServerCallContext context, ITenants tenants) => new(
        RequestIds.Of(context),
        context.Deadline == DateTime.MaxValue ? DateTimeOffset.MaxValue : new DateTimeOffset(context.Deadline),
        tenants.ToMetadata(tenants.Of(context.GetHttpContext())),
        context.GetHttpContext(),
        context.CancellationToken);

    public static AnswerCall From(HttpContext context, ITenants tenants, CancellationToken cancellationToken) => new(
        RequestIds.Of(context), HttpCalls.Deadline(context), tenants.ToMetadata(tenants.Of(context)), context, cancellationToken);

    /// <summary>Who asks; null where nobody is asked who they are.</summary>
    public Caller? Caller => Caller.Of(Http);

    /// <summary>Whether the deadline is here: from then on nothing that fails is a model's failure.</summary>
    public bool IsLate(DateTimeOffset now) => Deadline - now <= Slack;

    /// <summary>Options of a call to a model that ends with this request, or earlier.</summary>
    /// <param name="limit">Most time for the hop; null: the request's deadline only.</param>
    /// <param name="time">The clock.</param>
    /// <param name="token">Cancels the hop.</param>
    public CallOptions ToHop(TimeSpan? limit, TimeProvider time, CancellationToken token)
    {
        var deadline = limit is { } l && time.GetUtcNow() + l < Deadline ? time.GetUtcNow() + l : Deadline;
        var metadata = RequestIds.ToMetadata(RequestId);
        TraceContext.AddTo(metadata);
        if (Tenant is not null)
        {
            metadata.Add(Tenant);
        }

        return new CallOptions(
            metadata,
            deadline == DateTimeOffset.MaxValue ? null : deadline.UtcDateTime,
            token);
    }
}
