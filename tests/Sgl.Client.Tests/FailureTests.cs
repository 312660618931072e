using CsCheck;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace Sgl.Client.Tests;

/// <summary>What the client makes of ends that a real router has in trouble only.</summary>
public sealed class FailureTests
{
    private const string Details = "grpc-status-details-bin";

    [Fact]
    public async Task AskAsync_RouterIsFull_TellsWhenToTryAgain()
    {
        var status = new Google.Rpc.Status { Code = (int)Code.ResourceExhausted, Message = "full" };
        status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(2.5)) }));
        status.Details.Add(Any.Pack(new ErrorInfo { Domain = "sgl.v1", Reason = "OVERLOADED" }));

        var error = await FailAsync(() => new RpcException(new(StatusCode.ResourceExhausted, "full"), new Metadata { { Details, status.ToByteArray() } }));

        Assert.Equal((StatusCode.ResourceExhausted, "OVERLOADED", TimeSpan.FromSeconds(2.5), "full"), (error.StatusCode, error.Reason, error.RetryAfter, error.Message));
    }

    [Fact]
    public async Task AskAsync_ReasonOfSomebodyElse_IsNotOurs()
    {
        var status = new Google.Rpc.Status { Code = (int)Code.Unavailable, Message = "mesh" };
        status.Details.Add(Any.Pack(new ErrorInfo { Domain = "mesh.example", Reason = "NO_ROUTE" }));

        var error = await FailAsync(() => new RpcException(new(StatusCode.Unavailable, "mesh"), new Metadata { { Details, status.ToByteArray() } }));

        Assert.Null(error.Reason);
    }

    [Fact]
    public async Task AskAsync_DetailsOfAnyBytes_LeaveTheStatus()
    {
        byte[] details = [];
        await using var router = await new ScriptedRouter { End = () => new RpcException(new(StatusCode.NotFound, "gone"), new Metadata { { Details, details } }) }.StartAsync();
        using var client = new SglClient(router.Options);
        var whole = new Google.Rpc.Status { Code = 5, Message = "gone" };
        whole.Details.Add(Any.Pack(new BadRequest { FieldViolations = { new BadRequest.Types.FieldViolation { Field = "images", Description = "none" } } }));
        whole.Details.Add(Any.Pack(new RetryInfo { RetryDelay = new Duration { Seconds = 3 } }));
        var bytes = whole.ToByteArray();

        await Gen.Select(Gen.Int[0, bytes.Length], Gen.Byte.Array[0, 8], Gen.Int[0, bytes.Length]).SampleAsync(
            async (cut, noise, at) =>
            {
                details = [.. bytes.AsSpan(0, Math.Min(cut, at)), .. noise, .. bytes.AsSpan(Math.Min(cut, at), cut - Math.Min(cut, at))];
                var error = await Assert.ThrowsAsync<SglException>(() => client.AnswerAsync(SglQuestion.Of("Why?")));
                Assert.Equal(StatusCode.NotFound, error.StatusCode);
            },
            iter: 200,
            threads: 1);
    }

    [Fact]
    public async Task AskAsync_StreamWithoutEnd_IsAnError()
    {
        await using var router = await new ScriptedRouter { Script = [new() { SmallToken = new() { Text = "It" } }] }.StartAsync();
        using var client = new SglClient(router.Options);
        var events = new List<SglEvent>();

        var error = await Assert.ThrowsAsync<SglException>(async () =>
        {
            await foreach (var e in client.AskAsync(SglQuestion.Of("Why?")))
            {
                events.Add(e);
            }
        });

        Assert.Equal(StatusCode.Internal, error.StatusCode);
        Assert.Equal("It", Assert.IsType<SglSmallTokenEvent>(Assert.Single(events)).Text);
    }

    [Fact]
    public async Task AskAsync_KindOfALaterContract_IsPassedOver()
    {
        await using var router = await new ScriptedRouter { Script = [new(), new() { Completed = new() { Answer = "yes" } }] }.StartAsync();
        using var client = new SglClient(router.Options);
        var events = new List<SglEvent>();
        await foreach (var e in client.AskAsync(SglQuestion.Of("Why?")))
        {
            events.Add(e);
        }

        Assert.Equal("yes", Assert.IsType<SglCompletedEvent>(Assert.Single(events)).Answer.ToString());
    }

    private static async Task<SglException> FailAsync(Func<RpcException> end)
    {
        await using var router = await new ScriptedRouter { End = end }.StartAsync();
        using var client = new SglClient(router.Options);
        return await Assert.ThrowsAsync<SglException>(() => client.AnswerAsync(SglQuestion.Of("Why?")));
    }
}
