using System.Diagnostics;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Sgl.Hosting;

namespace Sgl.Cli.Internal;

/// <summary>A client of the router, as anybody could generate it from the contracts.</summary>
internal sealed class RouterClient : IDisposable
{
    /// <summary>The environment variable with the API key; on a command line others could read it.</summary>
    public const string KeyVariable = "SGL_API_KEY";

    private static readonly ActivitySource Source = new("Sgl.Cli");

    private readonly GrpcChannel _channel;
    private readonly Wire.RouterService.RouterServiceClient _client;
    private readonly Uri _address;

    public RouterClient(Uri address)
    {
        _address = address;
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
            HttpHandler = new SocketsHttpHandler { ActivityHeadersPropagator = null, EnableMultipleHttp2Connections = true },
            DisposeHttpClient = true,
        });
        var key = Environment.GetEnvironmentVariable(KeyVariable);
        _client = new Wire.RouterService.RouterServiceClient(_channel.Intercept(metadata =>
        {
            TraceContext.AddTo(metadata);
            if (!string.IsNullOrEmpty(key))
            {
                metadata.Add("authorization", $"Bearer {key}");
            }

            return metadata;
        }));
    }

    /// <summary>Reads an address as people write it: <c>host:port</c>, <c>http://host:port</c> or <c>https://host:port</c>.</summary>
    /// <exception cref="CliException">It is none.</exception>
    public static Uri ParseAddress(string address) =>
        Uri.TryCreate(address.Contains("://", StringComparison.Ordinal) ? address : $"http://{address}", UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https" && uri.Host.Length > 0
            ? uri
            : throw new CliException($"--router: '{address}' is not an address; give host:port, http://host:port or https://host:port", ExitCodes.Usage);

    /// <summary>Asks the router about itself and its models.</summary>
    public async Task<Wire.GetInfoResponse> InfoAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _client.GetInfoAsync(new Wire.GetInfoRequest(), cancellationToken: cancellationToken);
        }
        catch (RpcException e) when (IsAway(e))
        {
            throw Away(e);
        }
    }

    /// <summary>Asks a question.</summary>
    /// <param name="request">The question.</param>
    /// <param name="watch">Gets every event as it comes.</param>
    /// <param name="cancellationToken">Ends the work of all services for it.</param>
    public async Task<RouterAnswer> AskAsync(Wire.AnswerRequest request, Action<Wire.AnswerResponse> watch, CancellationToken cancellationToken)
    {
        using var span = Source.StartActivity("ask", ActivityKind.Client);
        Wire.PromptLayout? layout = null;
        Wire.Decision? decision = null;
        Wire.AnswerCompleted? completed = null;
        try
        {
            using var call = _client.Answer(request, cancellationToken: cancellationToken);
            await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                watch(response);
                layout = response.Layout ?? layout;
                decision = response.Decision ?? decision;
                completed = response.Completed ?? completed;
            }
        }
        catch (RpcException e) when (IsAway(e))
        {
            throw Away(e);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unauthenticated)
        {
            throw new CliException($"the router at {_address.Authority} asks for a key: {e.Status.Detail} Set the environment variable {KeyVariable}.", innerException: e);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            throw new CliException($"{_address.Authority} is not a router: it does not offer sgl.v1.RouterService", innerException: e);
        }

        return layout is not null && decision is not null && completed is not null
            ? new RouterAnswer(layout, decision, completed)
            : throw new CliException($"the router at {_address.Authority} ended its stream without a completed event");
    }

    public void Dispose() => _channel.Dispose();

    // The service's own UNAVAILABLE comes with details, a connection that fails does not.
    private static bool IsAway(RpcException e) => e.StatusCode == StatusCode.Unavailable && e.Status.DebugException is not null;

    private CliException Away(RpcException e) =>
        new($"the router at {_address.Authority} cannot be reached: {e.Status.DebugException!.GetBaseException().Message}", innerException: e);
}

/// <summary>What a stream of the router held, tokens apart.</summary>
/// <param name="Layout">The prompt.</param>
/// <param name="Decision">The decision.</param>
/// <param name="Completed">The answer.</param>
internal sealed record RouterAnswer(Wire.PromptLayout Layout, Wire.Decision Decision, Wire.AnswerCompleted Completed);
