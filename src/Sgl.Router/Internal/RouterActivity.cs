using System.Diagnostics;

namespace Sgl.Router.Internal;

/// <summary>Spans of the router's two hops; the W3C trace context goes on to the model services with every call.</summary>
internal static class RouterActivity
{
    public static ActivitySource Source { get; } = new("Sgl.Router");
}
