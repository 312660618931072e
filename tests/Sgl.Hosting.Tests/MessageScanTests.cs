using System.Buffers;
using CsCheck;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting.Tests;

/// <summary>Messages that are far larger in memory than on the wire.</summary>
public sealed class MessageScanTests
{
    public static TheoryData<string, string> Attacks() => new()
    {
        { "children", "empty elements" },
        { "children[0].children", "empty elements of an element" },
        { "inner.children", "empty elements of a message" },
        { "texts", "empty texts" },
        { "act", "one text again and again" },
        { "inner", "one message again and again" },
        { "numbers", "packed numbers" },
        { "values", "packed floats" },
        { "numbers", "numbers one by one" },
        { "request", "unknown numbers" },
        { "request", "unknown texts" },
        { "request", "a group of unknown fields" },
        { "request", "a known field of another wire type" },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public void Check_SmallOnTheWireLargeInMemory_FoundWithoutMemory(string field, string attack)
    {
        var payload = new ReadOnlySequence<byte>(Bytes(attack));
        MessageScan.Check(payload, ProbeRequest.Descriptor);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var found = MessageScan.Check(payload, ProbeRequest.Descriptor);

        Assert.Equal(field, found?.Field);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000);
    }

    [Fact]
    public void Check_AsManyAsAreAccepted_FindsNothing()
    {
        var request = new ProbeRequest { Act = "x", Inner = new ProbeRequest { Payload = ByteString.CopyFrom(new byte[10_000]) } };
        request.Children.Add(Enumerable.Repeat(new ProbeRequest { Count = -1 }, MessageScan.MostElements));
        request.Numbers.Add(Enumerable.Repeat(-1, MessageScan.MostNumbers));
        request.Values.Add(Enumerable.Repeat(1f, MessageScan.MostNumbers));

        Assert.Null(Scan(request.ToByteArray()));
        request.Children.Add(new ProbeRequest());
        Assert.Equal("children", Scan(request.ToByteArray())?.Field);
    }

    [Fact]
    public void Check_LengthBehindTheEndOfItsMessage_LeftToTheParser()
    {
        // Field 5 of one byte: the tag of a field 15 whose length stands outside.
        byte[] bytes = [5 << 3 | 2, 1, 15 << 3 | 2, 0x7F];

        Assert.Null(Scan(bytes));
        Assert.Throws<InvalidProtocolBufferException>(() => ProbeRequest.Parser.ParseFrom(bytes));
    }

    [Fact]
    public void Check_AnyBytes_NeverThrows() => Gen.Byte.Array[0, 300].Sample(bytes => { Scan(bytes); }, iter: 20_000);

    [Fact]
    public void Check_BytesInPieces_SameAsInOne() => Gen.Byte.Array[1, 100].Select(Gen.Int[1, 99]).Sample((bytes, at) =>
    {
        at = Math.Min(at, bytes.Length);
        var first = new Piece(bytes.AsMemory(0, at), 0);
        var last = first.Append(bytes.AsMemory(at));
        var pieces = new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
        Assert.Equal(Scan(bytes), MessageScan.Check(pieces, ProbeRequest.Descriptor));
    });

    [Fact]
    public void Check_NestedDeeperThanTheParserGoes_LeftToIt()
    {
        var bytes = Array.Empty<byte>();
        for (var i = 0; i < 1000; i++)
        {
            bytes = [5 << 3 | 2, .. Varint(bytes.Length), .. bytes];
        }

        Assert.Null(Scan(bytes));
        Assert.Throws<InvalidProtocolBufferException>(() => ProbeRequest.Parser.ParseFrom(bytes));
    }

    [Theory]
    [InlineData("Unary", MethodType.Unary)]
    [InlineData("ServerStreaming", MethodType.ServerStreaming)]
    [InlineData("ClientStreaming", MethodType.ClientStreaming)]
    [InlineData("Duplex", MethodType.DuplexStreaming)]
    public async Task Call_TooManyElements_InvalidArgumentWithTheField(string name, MethodType type)
    {
        await using var host = await ProbeHost.StartAsync();
        var raw = Marshallers.Create(b => b, b => b);
        var method = new Method<byte[], byte[]>(type, "sgl.testing.Probe", name, raw, raw);
        var bytes = Bytes("empty elements");

        var error = await Assert.ThrowsAsync<RpcException>(() => CallAsync(host.Channel.CreateCallInvoker(), method, bytes));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("children", Assert.Single(error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations).Field);
        Assert.Equal("x", (await host.Client.UnaryAsync(new ProbeRequest { Act = "x" })).Text);
    }

    private static FieldViolation? Scan(byte[] bytes) => MessageScan.Check(new ReadOnlySequence<byte>(bytes), ProbeRequest.Descriptor);

    private static byte[] Bytes(string attack)
    {
        var empty = Repeat([5 << 3 | 2, 0], 1_000_000);
        return attack switch
        {
            "empty elements" => empty,
            "empty elements of an element" => [5 << 3 | 2, .. Varint(empty.Length), .. empty],
            "empty elements of a message" => [9 << 3 | 2, .. Varint(empty.Length), .. empty],
            "empty texts" => Repeat([8 << 3 | 2, 0], 1_000_000),
            "one text again and again" => Repeat([1 << 3 | 2, 1, (byte)'x'], 100_000),
            "one message again and again" => Repeat([9 << 3 | 2, 0], 100_000),
            "packed numbers" => [6 << 3 | 2, .. Varint(3_000_000), .. new byte[3_000_000]],
            "packed floats" => [7 << 3 | 2, .. Varint(8_000_000), .. new byte[8_000_000]],
            "numbers one by one" => Repeat([6 << 3, 1], 1_000_000),
            "unknown numbers" => Repeat([15 << 3, 1], 1_000_000),
            "unknown texts" => Repeat([15 << 3 | 2, 0], 1_000_000),
            "a group of unknown fields" => [15 << 3 | 3, .. Repeat([5 << 3 | 2, 0], 100_000), 15 << 3 | 4],
            _ => Repeat([1 << 3, 1], 100_000),
        };
    }

    private static byte[] Repeat(byte[] unit, int count) => [.. Enumerable.Repeat(unit, count).SelectMany(b => b)];

    private static byte[] Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        return [.. bytes, (byte)value];
    }

    private static async Task CallAsync(CallInvoker invoker, Method<byte[], byte[]> method, byte[] bytes)
    {
        switch (method.Type)
        {
            case MethodType.Unary:
                await invoker.AsyncUnaryCall(method, null, default, bytes);
                break;
            case MethodType.ServerStreaming:
                await invoker.AsyncServerStreamingCall(method, null, default, bytes).ResponseStream.MoveNext(CancellationToken.None);
                break;
            case MethodType.ClientStreaming:
                var client = invoker.AsyncClientStreamingCall(method, null, default);
                await client.RequestStream.WriteAsync(bytes);
                await client;
                break;
            default:
                var duplex = invoker.AsyncDuplexStreamingCall(method, null, default);
                await duplex.RequestStream.WriteAsync(bytes);
                await duplex.ResponseStream.MoveNext(CancellationToken.None);
                break;
        }
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long start) => (Memory, RunningIndex) = (memory, start);

        public Piece Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
