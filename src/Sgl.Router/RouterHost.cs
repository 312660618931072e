using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Builds the router, as a process of its own or inside another one.</summary>
public static class RouterHost
{
    /// <summary>Full name of the gRPC service.</summary>
    public const string ServiceName = "sgl.v1.RouterService";

    /// <summary>A process of its own: appsettings.json, environment (<c>SGL_</c>), command line.</summary>
    public static WebApplication Create(string[] args) => Build(SglHost.CreateBuilder(args));

    /// <summary>Inside another process: only the given settings count.</summary>
    /// <param name="settings">Keys of sections <c>Listen</c>, <c>Access</c> and <c>Router</c>, e.g. <c>Router:Small:Address</c>.</param>
    /// <param name="logging">Where the log goes; nowhere by default.</param>
    public static WebApplication Create(IEnumerable<KeyValuePair<string, string?>> settings, ILoggerFactory? logging = null) =>
        Build(SglHost.CreateEmbeddedBuilder(settings, logging));

    /// <summary>Whether a router knows both models, and what keeps them from working together; empty: nothing. For whoever hosts it, who needs no key.</summary>
    /// <param name="services">Those of the router.</param>
    public static (bool KnowsBoth, string Problem) PairOf(IServiceProvider services)
    {
        var models = services.GetRequiredService<AnswerPipeline>().Models;
        return (models.Small is { Serving: true, Info: not null } && models.Large is { Serving: true, Info: not null }, models.PairingProblem);
    }

    /// <summary>For tests: names are looked up as they say.</summary>
    internal static WebApplication Create(IEnumerable<KeyValuePair<string, string?>> settings, HostLookup lookup)
    {
        var builder = SglHost.CreateEmbeddedBuilder(settings);
        builder.Services.AddSingleton(lookup);
        return Build(builder);
    }

    private static WebApplication Build(WebApplicationBuilder builder)
    {
        var services = builder.Services;
        builder.AddSglHosting(new ServiceSetup { Name = "router", HealthNames = [ServiceName], ServesHttp = true });
        builder.AddAccess(ChatErrors.WriteAsync);
        services.AddSettings<RouterOptions, RouterOptionsValidator>(builder.Configuration, RouterOptions.SectionName);
        services.AddSingleton<IValidateOptions<RouterOptions>, OpennessValidator>();
        services.AddSingleton<RouterPolicies>();
        services.TryAddSingleton<HostLookup>(Dns.GetHostAddressesAsync);
        services.AddSingleton<Backends>();
        services.AddSingleton<RouterMetrics>();
        services.AddSingleton<BackendMonitor>();
        services.AddHostedService(s => s.GetRequiredService<BackendMonitor>());
        services.AddSingleton<SmallHop>();
        services.AddSingleton<LargeHop>();
        services.AddSingleton<SecondOpinions>();
        services.AddSingleton<AnswerPipeline>();
        services.AddSingleton<AnswerCalls>();
        services.AddSingleton<ChatEndpoint>();
        services.AddSingleton<ResponseEndpoint>();
        services.AddSingleton<PageMetrics>();
        services.AddSingleton<IValidateOptions<RouterOptions>, PageValidator>();
        services.AddCors();
        services.AddApiDescription();
        services.AddExceptionMapper<HopException>(e => e.Status);

        var app = builder.Build();
        app.UseHostCheck();
        app.UseChatPages();
        app.MapSglHosting(AccessExtensions.UseAccess);
        app.MapGrpcService<RouterGrpcService>().EnableGrpcWeb();
        var chat = app.Services.GetRequiredService<ChatEndpoint>();
        app.MapChat(ChatEndpoint.Route, HttpMethods.Post, chat.CompleteAsync, new ApiOperation("createChatCompletion", "Answers a chat about images.", typeof(ChatResponse))
        {
            Body = "ChatCompletionRequest",
            Event = typeof(ChatChunkWithUsage),
            Errors = [400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504],
        });
        app.MapChat(
            ResponseEndpoint.Route, HttpMethods.Post, app.Services.GetRequiredService<ResponseEndpoint>().CreateAsync,
            new ApiOperation("createResponse", "Answers questions about images, in the terms of the newer protocol.", typeof(ResponseObject))
            {
                Body = "ResponseRequest",
                Event = typeof(ResponseEvent),
                Errors = [400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504],
            });
        app.MapChat("/v1/models", HttpMethods.Get, chat.ModelsAsync, new ApiOperation("listModels", "Names that `model` may have.", typeof(ChatModelList)) { Errors = [401] });
        app.MapChat("/v1/models/{**model}", HttpMethods.Get, chat.ModelAsync, new ApiOperation("getModel", "One of them.", typeof(ChatModel)) { Errors = [401, 404, 503] });
        app.MapChat("/v1/policies", HttpMethods.Get, chat.PoliciesAsync, new ApiOperation("listPolicies", "Policies that requests may name.", typeof(PolicyList)) { Errors = [401] });
        app.MapChat("/v1/sgl/info", HttpMethods.Get, chat.InfoAsync, new ApiOperation("getInfo", "The router, both models and the default policy.", typeof(InfoResponse)) { Errors = [401] });
        app.MapChat("/health", HttpMethods.Get, chat.HealthAsync, new ApiOperation("getHealth", "Whether questions can be answered.", typeof(ChatHealth)) { Errors = [503], IsForAnybody = true });
        if (app.Services.GetRequiredService<IOptions<RouterOptions>>().Value.Http.Reference)
        {
            app.MapApiDescription();
        }

        if (HasPage(app.Services))
        {
            app.MapPage();
        }

        return app;
    }

    /// <summary>Whether a router has a page at <c>/</c> of its HTTP port; false where it only prints its help, for which no setting needs to be right.</summary>
    /// <param name="services">Services of the router.</param>
    public static bool HasPage(IServiceProvider services)
    {
        try
        {
            var listen = services.GetRequiredService<IOptions<ServiceListenOptions>>().Value;
            return listen.HttpPort is not null && (services.GetRequiredService<IOptions<RouterOptions>>().Value.Page ?? listen.IsThisMachine);
        }
        catch (OptionsValidationException)
        {
            return false;
        }
    }
}
