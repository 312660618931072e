using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>What the small and the large service have in common beyond <see cref="SglHostingExtensions"/>: an engine, and requests for it.</summary>
public static class ModelServingExtensions
{
    /// <summary>Name of the configuration section of <see cref="EngineOptions"/>.</summary>
    public const string EngineSection = "Engine";

    /// <summary>Adds hosting, engine, request pipeline and the meaning of their errors.</summary>
    /// <param name="builder">Builder of the service; its configuration has the sections <c>Listen</c>, <c>Engine</c>, <c>Requests</c>.</param>
    /// <param name="setup">What this service is.</param>
    public static WebApplicationBuilder AddModelServing(this WebApplicationBuilder builder, ServiceSetup setup)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddSglHosting(setup);
        LeaveThreadsForCalls();
        var services = builder.Services;
        services.AddSettings<EngineOptions, EngineOptionsValidator>(builder.Configuration, EngineSection);
        services.PostConfigure<EngineOptions>(o => o.RequireTokenizer = true); // requests are text
        services.AddSettings<RequestLimits, RequestLimitsValidator>(builder.Configuration, RequestLimits.SectionName);
        services.AddSingleton<EngineHost>();
        services.AddHostedService(s =>
        {
            // The gauges that autoscalers read are there from the first scrape on, not from the first request.
            s.GetRequiredService<EngineMetrics>();
            return s.GetRequiredService<EngineHost>();
        });
        services.AddSingleton<EngineMetrics>();
        services.AddSingleton(s => Gate(s.GetRequiredService<IOptions<EngineOptions>>().Value));
        services.AddSingleton<ICallGate>(s => s.GetRequiredService<RequestGate>());
        services.AddSingleton<RequestPreparer>();
        services.AddSingleton<AnswerRunner>();
        services.AddExceptionMapper<EngineRequestException>(e => Faults.InvalidArgument(e.Field, e.Message, e.Reason()));
        services.AddExceptionMapper<GuidanceException>(e => Faults.InvalidArgument(e.Field, e.Problem));
        services.AddExceptionMapper<EngineOverloadedException>(e => Faults.Overloaded(e.Message, e.RetryAfter));
        return builder;
    }

    private static RequestGate Gate(EngineOptions engine) => new(engine.MaxBatch + engine.MaxQueue);

    /// <summary>
    /// Preparation and the vision tower keep a thread of the pool busy each. The pool begins with one per core and adds one now and then, so that calls, even those
    /// to be refused, would wait for it whenever the service has work.
    /// </summary>
    private static void LeaveThreadsForCalls()
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        ThreadPool.SetMinThreads(Math.Max(workers, (3 * Environment.ProcessorCount) + 8), ports);
    }
}
