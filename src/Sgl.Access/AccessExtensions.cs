using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Sgl.Access.Internal;
using Sgl.Hosting;

namespace Sgl.Access;

/// <summary>Writes a refusal to a client that does not speak gRPC.</summary>
/// <param name="context">The request; of its body nothing was read.</param>
/// <param name="status">UNAUTHENTICATED, PERMISSION_DENIED or RESOURCE_EXHAUSTED, the last with a <c>google.rpc.RetryInfo</c>.</param>
public delegate Task HttpRefusal(HttpContext context, Google.Rpc.Status status);

/// <summary>Asks callers who they are, with the framework's own authentication, authorization and rate limiting.</summary>
public static class AccessExtensions
{
    private const string ByShape = "Access";

    private static readonly object Unlimited = new();

    /// <summary>Adds it. Without settings in section <c>Access</c> nothing but their validation is added.</summary>
    /// <param name="builder">Builder of the service, after <see cref="SglHostingExtensions.AddSglHosting"/>.</param>
    /// <param name="writeHttp">Writes refusals to clients that do not speak gRPC.</param>
    public static void AddAccess(this WebApplicationBuilder builder, HttpRefusal writeHttp)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        services.AddSettings<AccessOptions, AccessOptionsValidator>(builder.Configuration, AccessOptions.SectionName);
        services.AddSingleton<AccessMetrics>();
        if (!AccessOptions.IsConfigured(builder.Configuration))
        {
            return;
        }

        services.AddSingleton(writeHttp);
        services.AddSingleton<Refusals>();
        services.AddSingleton<KeyStore>();
        services.AddSingleton<TokenCallers>();
        services.AddHostedService<KeyReload>();
        services.AddAuthentication(o => (o.DefaultScheme, o.DefaultChallengeScheme, o.DefaultForbidScheme) = (ByShape, KeyHandler.Name, KeyHandler.Name))
            .AddPolicyScheme(ByShape, null, o => o.ForwardDefaultSelector = SchemeOf)
            .AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.Name, null)
            .AddJwtBearer();
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).Configure<IServiceProvider>(ConfigureTokens);
        services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<Refusals>((limiter, refusals) =>
        {
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, object>(context => Caller.Of(context)?.Account is { HasLimits: true } account
                ? RateLimitPartition.Get<object>(account, _ => account.CreateLimiter())
                : RateLimitPartition.GetNoLimiter<object>(Unlimited));
            limiter.OnRejected = (rejected, _) => refusals.LimitedAsync(rejected);
        });
    }

    /// <summary>Puts it in front of all endpoints; between routing and whatever reads bodies. Endpoints that anybody may ask say so with <c>AllowAnonymous</c>.</summary>
    public static void UseAccess(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var metrics = app.ApplicationServices.GetRequiredService<AccessMetrics>(); // its names exist for dashboards, whoever is asked
        if (app.ApplicationServices.GetService<Refusals>() is null)
        {
            return;
        }

        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        app.Use((context, next) =>
        {
            if (Caller.Of(context) is { } caller)
            {
                metrics.CountCall(caller.Label);
                RateHeaders.Set(context.Response, caller.Account.Look());
            }

            return next(context);
        });
    }

    /// <summary>Whether callers are asked who they are, and nobody knows who makes this request: at an endpoint that anybody may ask, that says no more than it must.</summary>
    public static bool IsStranger(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Caller.Of(context) is null && context.RequestServices.GetService<Refusals>() is not null;
    }

    private static string SchemeOf(HttpContext context) =>
        context.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value.Jwt.IsOn && Presented.By(context.Request).IsToken
            ? JwtBearerDefaults.AuthenticationScheme
            : KeyHandler.Name;

    private static void ConfigureTokens(JwtBearerOptions bearer, IServiceProvider services)
    {
        var jwt = services.GetRequiredService<IOptions<AccessOptions>>().Value.Jwt;
        if (!jwt.IsOn)
        {
            return;
        }

        bearer.MapInboundClaims = false;
        bearer.IncludeErrorDetails = false;
        bearer.SaveToken = false;
        bearer.TokenValidationParameters = new TokenValidationParameters
        {
            ValidAudience = jwt.Audience,
            ValidIssuer = string.IsNullOrEmpty(jwt.Issuer) ? null : jwt.Issuer,
            ValidAlgorithms = TokenKeys.Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ClockSkew = TimeSpan.FromSeconds(30),
        };
        if (string.IsNullOrEmpty(jwt.JwksFile))
        {
            bearer.Authority = jwt.Authority;
        }
        else
        {
            var store = services.GetRequiredService<KeyStore>();
            bearer.TokenValidationParameters.IssuerSigningKeyResolver = (_, _, _, _) => store.TokenKeys;
        }

        var (callers, tokens) = (services.GetRequiredService<TokenCallers>(), JwtBearerDefaults.AuthenticationScheme);
        bearer.Events = new JwtBearerEvents
        {
            OnMessageReceived = context =>
            {
                context.Token = Presented.By(context.Request).Secret;
                return Task.CompletedTask;
            },
            OnTokenValidated = context =>
            {
                if (callers.Of(context.Principal!) is { } caller)
                {
                    context.Principal = caller.ToPrincipal(tokens);
                }
                else
                {
                    context.Fail(Unknown.BadToken);
                }

                return Task.CompletedTask;
            },
        };
    }
}
