using System.Net;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Options;
using Polly;

namespace Sgl.EngineBridge.Internal;

/// <summary>The HTTP clients towards the engine. From the outside in: bounds of what it may send, retries, the key, the connection.</summary>
internal static class EngineClients
{
    public static void AddEngineClients(this IServiceCollection services)
    {
        services.AddTransient<EngineKeyHandler>();
        services.AddTransient<BoundedResponseHandler>();
        var questions = Client(services, ChatEngine.HttpClientName);
        questions.AddResilienceHandler("engine", (pipeline, context) => Repeat(pipeline, context.ServiceProvider.GetRequiredService<IOptions<BridgeOptions>>().Value));
        questions.AddHttpMessageHandler<EngineKeyHandler>();
        Client(services, EngineProbe.HttpClientName).AddHttpMessageHandler<EngineKeyHandler>();
    }

    private static IHttpClientBuilder Client(IServiceCollection services, string name) => services
        .AddHttpClient(name, client => client.Timeout = Timeout.InfiniteTimeSpan)
        .RemoveAllLoggers()
        .AddHttpMessageHandler<BoundedResponseHandler>()
        .UseSocketsHttpHandler((handler, provider) =>
        {
            var options = provider.GetRequiredService<IOptions<BridgeOptions>>().Value;
            handler.ConnectTimeout = options.ConnectTimeout;
            handler.MaxConnectionsPerServer = options.MaxConcurrent + 1; // and a probe
            handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5); // an engine's address may change
            handler.AllowAutoRedirect = false; // a redirect would carry pictures and questions elsewhere
            handler.AutomaticDecompression = DecompressionMethods.None; // what is bounded is what is read
            handler.UseCookies = false;
        })
        .SetHandlerLifetime(Timeout.InfiniteTimeSpan);

    private static void Repeat(ResiliencePipelineBuilder<HttpResponseMessage> pipeline, BridgeOptions options)
    {
        if (options.Retries == 0)
        {
            return;
        }

        pipeline.AddRetry(new HttpRetryStrategyOptions
        {
            MaxRetryAttempts = options.Retries,
            Delay = options.RetryDelay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldRetryAfterHeader = false,
            ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome switch
            {
                { Exception: HttpRequestException } => true,
                { Result: { } response } when response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable =>
                    Wanted(response) is not { } wait || wait <= options.LongestRetryDelay,
                _ => false,
            }),
            DelayGenerator = attempt => ValueTask.FromResult(attempt.Outcome.Result is { } response ? Wanted(response) : null),
        });
    }

    private static TimeSpan? Wanted(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Retry-After", out var values) ? EngineErrors.Retry(values.First(), DateTimeOffset.UtcNow) : null;
}
