using System.Net;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>What all services have in common: listeners, gRPC with rich errors, health, reflection, metrics, request ids, draining.</summary>
public static class SglHostingExtensions
{
    /// <summary>Adds all of it. On the built application call <see cref="MapSglHosting"/>, then map the gRPC services: its middleware has to stand in front of them.</summary>
    /// <param name="builder">Builder of the service; its configuration has the section <c>Listen</c>.</param>
    /// <param name="setup">What this service is.</param>
    public static WebApplicationBuilder AddSglHosting(this WebApplicationBuilder builder, ServiceSetup setup)
    {
        var services = builder.Services;
        services.AddPrintableLogging();
        services.AddSingleton(setup);
        services.AddSettings<ServiceListenOptions, ServiceListenOptionsValidator>(builder.Configuration, ServiceListenOptions.SectionName);
        services.AddSettings<CallLimits, CallLimitsValidator>(builder.Configuration, CallLimits.SectionName);
        services.AddSettings<TenantOptions, TenantOptionsValidator>(builder.Configuration, TenantOptions.SectionName);
        services.AddSettings<TracingOptions, TracingOptionsValidator>(builder.Configuration, TracingOptions.SectionName);
        if (services.Any(s => s.ServiceType == typeof(ProcessMark)))
        {
            // Inside another process that one records: a recorder hears all services that run in it.
            services.AddTracing(builder.Configuration, setup.Name);
        }

        services.TryAddSingleton<ITenants, HeaderTenants>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ServiceHealth>();
        services.AddSingleton<ServiceMetrics>();
        services.AddSingleton<ServiceEndpoints>();
        services.AddSingleton<ErrorTranslator>();
        services.AddSingleton<CallTracker>();
        services.AddSingleton<ServerMemory>();
        services.AddSingleton<InFlightBytes>();
        services.AddSingleton<RequestMeter>();
        services.AddSingleton<CallInterceptor>();
        services.AddSingleton(s => new HttpCalls(
            s.GetRequiredService<CallTracker>(),
            s.GetRequiredService<RequestMeter>(),
            s.GetRequiredService<ErrorTranslator>(),
            s.GetRequiredService<ServiceMetrics>(),
            s.GetRequiredService<TimeProvider>(),
            s.GetRequiredService<ILogger<HttpCalls>>()));
        services.AddSingleton<TracePropagation>();
        services.AddHostedService<DrainService>();
        services.AddHostedService<IdleMemoryTrim>();
        services.AddRouting();
        services.AddFullReflection();
        services.AddGrpc();
        services.RemoveAll(typeof(IServiceMethodProvider<>));
        services.AddSingleton(typeof(IServiceMethodProvider<>), typeof(BoundedServiceMethods<>));
        services.AddOptions<GrpcServiceOptions>().Configure<IOptions<ServiceListenOptions>>(ConfigureGrpc);
        services.AddOptions<HostOptions>().Configure<IServiceProvider>((host, provider) =>
        {
            var listen = Validated(provider);
            host.ShutdownTimeout = listen.ShutdownDelay + listen.DrainTimeout + TimeSpan.FromSeconds(5);
        });
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        services.Replace(ServiceDescriptor.Singleton<IMemoryPoolFactory<byte>>(s => s.GetRequiredService<ServerMemory>())); // behind the server's own
        services.AddOptions<KestrelServerOptions>().Configure<IServiceProvider>(ConfigureKestrel);
        return builder;
    }

    /// <summary>Maps health, reflection and metrics, and the middleware for request ids and message limits. To be called before other endpoints are mapped.</summary>
    /// <param name="app">The application.</param>
    /// <param name="guard">Adds what stands in front of all endpoints and sees no body, e.g. authentication; none by default.</param>
    public static WebApplication MapSglHosting(this WebApplication app, Action<IApplicationBuilder>? guard = null)
    {
        var endpoints = app.Services.GetRequiredService<ServiceEndpoints>();
        var health = app.Services.GetRequiredService<ServiceHealth>();
        var metrics = app.Services.GetRequiredService<ServiceMetrics>();
        app.Services.GetRequiredService<TracePropagation>().Listen();
        metrics.BeforeScrape(m => m.Serving.Set(health.IsServing ? 1 : 0));
        app.MapWhen(
            c => endpoints.IsMetricsPort(c.Connection.LocalPort),
            branch => branch.Run(c => OperationsEndpoint.AnswerAsync(c, health, metrics)));
        app.UseRequestIds(app.Logger);
        app.UseMessageErrors(app.Services.GetRequiredService<IOptions<ServiceListenOptions>>());
        app.UseRouting();
        guard?.Invoke(app);
        if (app.Services.GetRequiredService<ServiceSetup>().ServesHttp)
        {
            // In front of the meter, so that it sees frames and not their base64. Only where an endpoint allows it.
            app.UseWhen(c => endpoints.IsHttpPort(c.Connection.LocalPort), web => web.UseGrpcWeb());
        }

        app.Use(app.Services.GetRequiredService<RequestMeter>().RunAsync);
        app.MapGrpcService<HealthEndpoint>().Add(endpoint =>
        {
            // Probes have no keys. What the framework maps beside the methods, for names that do not exist, is not theirs.
            if (endpoint.Metadata.OfType<GrpcMethodMetadata>().Any())
            {
                endpoint.Metadata.Add(new AllowAnonymousAttribute());
            }
        });
        app.MapGrpcReflectionService();
        var listening = app.Services.GetRequiredService<ServiceSetup>().Name;
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            var listen = app.Services.GetRequiredService<IOptions<ServiceListenOptions>>().Value;
            if (guard is null && !listen.IsThisMachine && string.IsNullOrEmpty(listen.Tls.ClientCaPath))
            {
                HostingLog.Open(app.Logger, listening);
            }
        });
        app.Lifetime.ApplicationStarted.Register(() => HostingLog.Listening(
            app.Logger, listening, endpoints.Grpc.ToString(), endpoints.Metrics?.ToString() ?? "-", endpoints.Http?.ToString() ?? "-"));
        return app;
    }

    private static void ConfigureGrpc(GrpcServiceOptions grpc, IOptions<ServiceListenOptions> listen)
    {
        grpc.MaxReceiveMessageSize = listen.Value.MaxReceiveMessageBytes;
        grpc.MaxSendMessageSize = listen.Value.MaxSendMessageBytes;
        grpc.EnableDetailedErrors = false;
        grpc.Interceptors.Add<CallInterceptor>();
    }

    private static ServiceListenOptions Validated(IServiceProvider services)
    {
        if (ServiceHelp.IsForHelp(services.GetRequiredService<IConfiguration>()))
        {
            return new ServiceListenOptions(); // nothing starts, so nothing needs to be right
        }

        // The host and Kestrel ask before the host has validated: validate here, so that the errors of all sections come together.
        services.GetService<IStartupValidator>()?.Validate();
        return services.GetRequiredService<IOptions<ServiceListenOptions>>().Value;
    }

    private static void ConfigureKestrel(KestrelServerOptions kestrel, IServiceProvider services)
    {
        var listen = Validated(services);
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null; // gRPC limits messages, the HTTP API its bodies
        kestrel.Limits.MinRequestBodyDataRate = null; // of a whole HTTP/2 connection: it would reset the healthy streams with the stalled one; MeteredBody times each
        kestrel.Limits.MaxResponseBufferSize = 16 << 10; // of each stream; what is written beyond it waits for the client, and ReadersPatience for that
        kestrel.Limits.Http2.MaxStreamsPerConnection = listen.MaxStreamsPerConnection;
        kestrel.Limits.Http2.KeepAlivePingDelay = listen.KeepAlivePingDelay;
        kestrel.Limits.Http2.KeepAlivePingTimeout = listen.KeepAlivePingTimeout;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 8 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 4 << 20;
        var tls = string.IsNullOrEmpty(listen.Tls.CertificatePath) ? null : listen.Tls;
        var grpc = Bind(listen.Port, HttpProtocols.Http2, tls);
        var metrics = listen.MetricsPort is { } m ? Bind(m, HttpProtocols.Http1, null) : null;
        var http = listen.HttpPort is { } h ? Bind(h, HttpProtocols.Http1, tls) : null;
        services.GetRequiredService<ServiceEndpoints>().Bind(tls is null ? "http" : "https", grpc, metrics, http);

        Func<IPEndPoint?> Bind(int port, HttpProtocols protocols, TlsOptions? with)
        {
            ListenOptions? bound = null;
            void Configure(ListenOptions o)
            {
                bound = o;
                o.Protocols = protocols;
                if (with is not null)
                {
                    o.UseHttps(https => Certificate.Configure(https, with));
                }
            }

            switch (listen.Address)
            {
                case "*":
                    kestrel.ListenAnyIP(port, Configure);
                    break;
                case "localhost":
                    kestrel.Listen(IPAddress.Loopback, port, Configure);
                    break;
                default:
                    kestrel.Listen(IPAddress.Parse(listen.Address), port, Configure);
                    break;
            }

            return () => bound?.IPEndPoint;
        }
    }
}
