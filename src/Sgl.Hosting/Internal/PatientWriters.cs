using Grpc.Core;

namespace Sgl.Hosting.Internal;

/// <summary>A gRPC response stream whose writes do not wait for ever.</summary>
internal sealed class PatientStreamWriter<T>(IServerStreamWriter<T> inner, ReadersPatience patience) : IServerStreamWriter<T>
{
    public WriteOptions? WriteOptions
    {
        get => inner.WriteOptions;
        set => inner.WriteOptions = value;
    }

    public Task WriteAsync(T message) => patience.WaitAsync(inner.WriteAsync(message));

    public Task WriteAsync(T message, CancellationToken cancellationToken) => patience.WaitAsync(inner.WriteAsync(message, cancellationToken));
}

/// <summary>A gRPC request stream that tells how long a compressed message really is.</summary>
internal sealed class SettlingStreamReader<T>(IAsyncStreamReader<T> inner, RequestBytes? bytes) : IAsyncStreamReader<T>
{
    public T Current => inner.Current;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        var any = await inner.MoveNext(cancellationToken);
        if (any && inner.Current is Google.Protobuf.IMessage message)
        {
            bytes?.Settle(() => message.CalculateSize());
        }

        return any;
    }
}

/// <summary>An HTTP response body whose writes do not wait for ever.</summary>
internal sealed class PatientStream(Stream inner, ReadersPatience patience) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => patience.WaitAsync(inner.FlushAsync(cancellationToken));

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        patience.WaitAsync(inner.WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask());

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        new(patience.WaitAsync(inner.WriteAsync(buffer, cancellationToken).AsTask()));

    public override void Flush() => throw new NotSupportedException("Writes are asynchronous here.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Writes are asynchronous here.");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
