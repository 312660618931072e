using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Sgl.Client.Tests;

/// <summary>A real gRPC server on a loopback port that says what a test wants, for what no real router can be made to say at will.</summary>
internal sealed class ScriptedRouter : Wire.RouterService.RouterServiceBase, IAsyncDisposable
{
    private WebApplication _app = null!;

    /// <summary>What it streams.</summary>
    public IReadOnlyList<Wire.AnswerResponse> Script { get; init; } = [];

    /// <summary>How it ends; null: in order.</summary>
    public Func<RpcException>? End { get; set; }

    /// <summary>The request as it came.</summary>
    public Wire.AnswerRequest? Asked { get; private set; }

    /// <summary>Headers of the request.</summary>
    public Metadata Headers { get; private set; } = [];

    public SglClientOptions Options => new() { Address = _app.Urls.First() };

    public async Task<ScriptedRouter> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        builder.Services.AddRouting();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        _app = builder.Build();
        _app.MapGrpcService<ScriptedRouter>();
        await _app.StartAsync();
        return this;
    }

    public override async Task Answer(Wire.AnswerRequest request, IServerStreamWriter<Wire.AnswerResponse> responseStream, ServerCallContext context)
    {
        (Asked, Headers) = (request, context.RequestHeaders);
        foreach (var response in Script)
        {
            await responseStream.WriteAsync(response);
        }

        if (End is { } end)
        {
            throw end();
        }
    }

    public override Task<Wire.AnswerOnceResponse> AnswerOnce(Wire.AnswerRequest request, ServerCallContext context)
    {
        (Asked, Headers) = (request, context.RequestHeaders);
        return End is { } end ? throw end() : Task.FromResult(new Wire.AnswerOnceResponse
        {
            Decision = Script.Select(r => r.Decision).FirstOrDefault(d => d is not null),
            Completed = Script.Select(r => r.Completed).FirstOrDefault(c => c is not null),
        });
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
