using Google.Rpc;
using Grpc.Core;

namespace Sgl.TestKit.Serving;

/// <summary>What a client gets to see of an error.</summary>
/// <param name="Code">Status.</param>
/// <param name="Message">Text of the status.</param>
/// <param name="Violations">Fields and descriptions of the <c>BadRequest</c>, empty without.</param>
/// <param name="Reason">Reason of the <c>ErrorInfo</c>.</param>
/// <param name="RetryAfter">Delay of the <c>RetryInfo</c>.</param>
public sealed record Failure(
    StatusCode Code, string Message, IReadOnlyList<(string Field, string Description)> Violations, string? Reason, TimeSpan? RetryAfter)
{
    /// <summary>Names of the fields at fault.</summary>
    public IEnumerable<string> Fields => Violations.Select(v => v.Field);

    /// <summary>Runs a call that must fail.</summary>
    public static async Task<Failure> OfAsync(Func<Task> call)
    {
        var error = await Assert.ThrowsAnyAsync<RpcException>(call);
        var status = error.GetRpcStatus();
        var info = status?.GetDetail<ErrorInfo>();
        Assert.True(info is null || info.Domain == "sgl.v1", $"domain was {info?.Domain}");
        Assert.DoesNotContain("   at ", error.Status.Detail, StringComparison.Ordinal);
        return new Failure(
            error.StatusCode,
            error.Status.Detail,
            [.. status?.GetDetail<BadRequest>()?.FieldViolations.Select(v => (v.Field, v.Description)) ?? []],
            info?.Reason,
            status?.GetDetail<RetryInfo>()?.RetryDelay.ToTimeSpan());
    }
}
