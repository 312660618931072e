using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Sgl.Router;

/// <summary>
/// The HTTP API described by itself: <c>/openapi.json</c>, made from the endpoints and the types they answer with, and <c>/reference</c>, the same for people.
/// Bodies of requests are read member by member, not into types, so their schemas are written by hand (<c>requests.json</c>) and tested against the readers.
/// </summary>
internal static class ApiDescription
{
    /// <summary>Where the document is.</summary>
    public const string Document = "/openapi.json";

    /// <summary>Where the reference is.</summary>
    public const string Reference = "/reference";

    // What the reference needs is in the program; nothing else is to be reached from it.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void AddApiDescription(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.PropertyNamingPolicy = ChatJson.Options.PropertyNamingPolicy;
            o.SerializerOptions.DefaultIgnoreCondition = ChatJson.Options.DefaultIgnoreCondition;
            o.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        services.AddOpenApi("v1", options =>
        {
            options.ShouldInclude = d => d.ActionDescriptor.EndpointMetadata.OfType<ApiOperation>().Any();
            options.AddOperationTransformer((operation, context, _) => DescribeAsync(operation, context));
            options.AddSchemaTransformer((schema, context, _) => RelaxAsync(schema, context.JsonTypeInfo));
            options.AddDocumentTransformer((document, context, cancellationToken) => CompleteAsync(document, context.ApplicationServices, cancellationToken));
        });
    }

    public static void MapApiDescription(this WebApplication app)
    {
        app.MapOpenApi(Document).ExcludeFromDescription();
        app.MapScalarApiReference(Reference, o => o
            .WithTitle("SGL HTTP API")
            .WithOpenApiRoutePattern(Document)
            .DisableDefaultFonts()
            .DisableTelemetry()
            .HideDeveloperTools()
            .DisableAgent()
            .DisableMcp());
        app.Use((context, next) =>
        {
            if (context.Request.Path.StartsWithSegments(Reference, StringComparison.Ordinal))
            {
                context.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
            }

            return next();
        });
    }

    private static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var about = context.Description.ActionDescriptor.EndpointMetadata.OfType<ApiOperation>().Single();
        operation.OperationId = about.Name;
        operation.Summary = about.Summary;
        operation.Tags = new HashSet<OpenApiTagReference>();
        if (about.Body is { } body)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = new OpenApiSchemaReference(body, context.Document) } },
            };
        }

        if (about.Event is not null && operation.Responses!.Remove(ApiOperation.Streamed, out var streamed))
        {
            operation.Responses["200"].Content!["text/event-stream"] = streamed.Content!.Values.Single();
        }

        return Task.CompletedTask;
    }

    /// <summary>A member that is left out where it is null is not required, whatever the type demands of its constructor.</summary>
    private static Task RelaxAsync(OpenApiSchema schema, JsonTypeInfo type)
    {
        foreach (var member in type.Properties.Where(p => p.IsGetNullable && p.AttributeProvider?.IsDefined(typeof(JsonIgnoreAttribute), inherit: true) != true))
        {
            schema.Required?.Remove(member.Name);
        }

        return Task.CompletedTask;
    }

    private static async Task CompleteAsync(OpenApiDocument document, IServiceProvider services, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "SGL HTTP API",
            Version = RouterInfo.Version,
            Description = "The OpenAI protocol for a small and a large vision-language model served as one. See docs/http-api.md.",
        };
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Tags = new HashSet<OpenApiTag>();
        document.AddComponent("key", new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "A key or token, where the router has keys." });
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", document)] = [] }, []];
        foreach (var (name, schema) in await RequestsAsync(services.GetRequiredService<IOptions<RouterOptions>>().Value.Http, cancellationToken))
        {
            document.AddComponent(name, schema);
        }
    }

    private static async Task<IDictionary<string, IOpenApiSchema>> RequestsAsync(HttpApiOptions options, CancellationToken cancellationToken)
    {
        using var resource = typeof(ApiDescription).Assembly.GetManifestResourceStream("requests.json")!;
        var requests = (JsonObject)(await JsonNode.ParseAsync(resource, cancellationToken: cancellationToken))!;
        var schemas = requests["components"]!["schemas"]!;

        // What the code has lists of is not written a second time.
        schemas["SglSettings"]!["properties"]!["criterion"]!["enum"] = new JsonArray([.. ChatPolicyReader.CriterionNames.Select(n => (JsonNode)n), null]);
        schemas["SglSettings"]!["properties"]!["include"]!["items"]!["enum"] = new JsonArray([.. ChatPolicyReader.KnownIncludes.Select(n => (JsonNode)n)]);
        schemas["ChatCompletionRequest"]!["properties"]!["n"]!["maximum"] = options.MaxAnswers;
        schemas["ChatCompletionRequest"]!["x-refused"] = new JsonArray([.. UnsupportedFields.Names.Select(n => (JsonNode)n)]);
        schemas["ResponseRequest"]!["x-refused"] = new JsonArray([.. UnsupportedFields.ResponseNames.Select(n => (JsonNode)n)]);
        return OpenApiDocument.Parse(requests.ToJsonString(), "json").Document!.Components!.Schemas!;
    }
}
