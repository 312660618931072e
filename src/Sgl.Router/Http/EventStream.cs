using System.Buffers;
using System.Net.ServerSentEvents;
using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>
/// Server-sent events of a response. While nothing is to say, a comment now and then keeps proxies and clients from taking the silence for a dead connection.
/// </summary>
internal sealed class EventStream : IAsyncDisposable
{
    private readonly HttpResponse _response;
    private readonly CancellationToken _cancellationToken;
    private readonly CancellationTokenSource _over = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Task _heartbeats;
    private bool _quiet = true;

    /// <summary>Begins a stream; nothing leaves before there is something to say, or the first heartbeat.</summary>
    /// <param name="response">Gets the events.</param>
    /// <param name="time">The clock.</param>
    /// <param name="heartbeat">Longest silence; zero: for ever.</param>
    /// <param name="cancellationToken">Cancelled when the client is gone.</param>
    public EventStream(HttpResponse response, TimeProvider time, TimeSpan heartbeat, CancellationToken cancellationToken)
    {
        (_response, _cancellationToken) = (response, cancellationToken);
        _heartbeats = heartbeat > TimeSpan.Zero ? BeatAsync(heartbeat, time) : Task.CompletedTask;
    }

    /// <summary>Whether the status line has left, so that an error can only be an event.</summary>
    public bool Started { get; private set; }

    /// <summary>Sends an event.</summary>
    /// <param name="data">One line of UTF-8.</param>
    /// <param name="type">Its type; null: none.</param>
    public async Task SendAsync(ReadOnlyMemory<byte> data, string? type = null)
    {
        await _writing.WaitAsync(_cancellationToken);
        try
        {
            Start();
            await SseFormatter.WriteAsync(
                AsyncEnumerable.Repeat(new SseItem<ReadOnlyMemory<byte>>(data, type), 1), _response.Body, (item, writer) => writer.Write(item.Data.Span), _cancellationToken);
            await _response.Body.FlushAsync(_cancellationToken);
            _quiet = false;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Stops the heartbeats.</summary>
    public async Task QuietAsync()
    {
        await _over.CancelAsync();
        await _heartbeats;
    }

    public async ValueTask DisposeAsync()
    {
        await QuietAsync();
        _over.Dispose();
        _writing.Dispose();
    }

    private void Start()
    {
        if (!Started)
        {
            Started = true;
            _response.ContentType = "text/event-stream; charset=utf-8";
            _response.Headers.CacheControl = "no-cache";
            _response.Headers["X-Accel-Buffering"] = "no"; // proxies that buffer would turn the stream into one late answer
        }
    }

    private async Task BeatAsync(TimeSpan interval, TimeProvider time)
    {
        var comment = ": waiting\n\n"u8.ToArray();
        try
        {
            using var timer = new PeriodicTimer(interval, time);
            while (await timer.WaitForNextTickAsync(_over.Token))
            {
                await _writing.WaitAsync(_over.Token);
                try
                {
                    if (_quiet)
                    {
                        Start();
                        await _response.Body.WriteAsync(comment, _cancellationToken);
                        await _response.Body.FlushAsync(_cancellationToken);
                    }

                    _quiet = true;
                }
                finally
                {
                    _writing.Release();
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The stream is over, or the client is gone, which the answer's own writes tell.
        }
    }
}
