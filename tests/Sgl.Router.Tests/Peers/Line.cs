using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Sgl.Router.Tests;

/// <summary>What can happen to the process at the other end.</summary>
public enum LineFault
{
    /// <summary>Nothing: bytes go through.</summary>
    None,

    /// <summary><c>kill -9</c>: connections are reset, new ones refused.</summary>
    Killed,

    /// <summary>SIGSTOP: connections stay and new ones are accepted by the kernel, but nothing is read or written.</summary>
    Stopped,

    /// <summary>Another process that accepts and never says anything.</summary>
    Silent,

    /// <summary>Another process that accepts and resets.</summary>
    Resetting,
}

/// <summary>A line to a peer that can break the way processes do; its address stays the same.</summary>
internal sealed class Line : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Socket, bool> _sockets = [];
    private readonly IPEndPoint _target;
    private TcpListener? _listener;
    private TaskCompletionSource _flows = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile LineFault _fault;

    public Line(int port)
    {
        _target = new IPEndPoint(IPAddress.Loopback, port);
        _flows.SetResult();
        Listen();
    }

    public int Port { get; private set; }

    public string Address => $"http://127.0.0.1:{Port}";

    /// <summary>Lets a fault happen, or ends it with <see cref="LineFault.None"/>: a stopped process goes on, the others are started again.</summary>
    public void Set(LineFault fault)
    {
        var before = _fault;
        _fault = fault;
        if (fault == LineFault.Stopped)
        {
            _flows = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return;
        }

        if (!(fault == LineFault.None && before == LineFault.Stopped))
        {
            Reset();
        }

        _flows.TrySetResult();
        if (fault == LineFault.Killed)
        {
            _listener?.Dispose();
            _listener = null;
        }
        else if (_listener is null)
        {
            Listen();
        }
    }

    public ValueTask DisposeAsync()
    {
        _fault = LineFault.Killed;
        _listener?.Dispose();
        Reset();
        _flows.TrySetResult();
        return ValueTask.CompletedTask;
    }

    private void Listen()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = AcceptAsync(_listener);
    }

    private void Reset()
    {
        foreach (var socket in _sockets.Keys)
        {
            Close(socket);
        }
    }

    private void Close(Socket socket)
    {
        _sockets.TryRemove(socket, out _);
        try
        {
            socket.LingerState = new LingerOption(true, 0); // a reset, as of a process that is gone
        }
        catch (SocketException)
        {
            // It was closed from the other end.
        }
        catch (ObjectDisposedException)
        {
        }

        socket.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync();
                _sockets.TryAdd(client, true);
                if (_fault is LineFault.Resetting or LineFault.Killed)
                {
                    Close(client);
                }
                else if (_fault != LineFault.Silent)
                {
                    _ = JoinAsync(client);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Nobody listens any more.
        }
    }

    private async Task JoinAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _sockets.TryAdd(server, true);
        client.NoDelay = true;
        try
        {
            await _flows.Task;
            await server.ConnectAsync(_target);
            await Task.WhenAny(CopyAsync(client, server), CopyAsync(server, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer is gone: so is the line.
        }
        finally
        {
            Close(client);
            Close(server);
        }
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 << 10];
        while (true)
        {
            var count = await from.ReceiveAsync(buffer);
            await _flows.Task;
            if (count == 0)
            {
                return;
            }

            await to.SendAsync(buffer.AsMemory(0, count));
        }
    }
}
