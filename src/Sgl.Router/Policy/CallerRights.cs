using Google.Rpc;
using Grpc.Core;
using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Holds what a request asks for against what its caller may.</summary>
internal static class CallerRights
{
    /// <summary>Checks a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">PERMISSION_DENIED: the caller may not have it answered like this.</exception>
    public static void Check(Wire.RoutingPolicy? policy, RouterPolicies policies, Caller? caller)
    {
        if (caller is null)
        {
            return;
        }

        var name = string.IsNullOrEmpty(policy?.Name) ? ConfiguredPolicy.DefaultName : policy.Name;
        var route = policies.Route(policy) switch
        {
            Wire.Route.Small => "small",
            Wire.Route.Large => "large",
            _ => "auto",
        };
        if (!caller.MayTake(route))
        {
            throw Denied(caller, $"The key '{caller.Name}' may not take the route '{route}', only {string.Join(", ", caller.Routes)}.");
        }

        if (!caller.MayBringPolicies && HasOwn(policy))
        {
            throw Denied(caller, $"The key '{caller.Name}' may not bring a policy of its own, only {string.Join(", ", caller.Policies)}.");
        }

        if (!caller.MayName(name))
        {
            throw Denied(caller, $"The key '{caller.Name}' may not use the policy {ViolationList.Quote(name)}, only {string.Join(", ", caller.Policies)}.");
        }
    }

    private static bool HasOwn(Wire.RoutingPolicy? policy)
    {
        if (policy is null)
        {
            return false;
        }

        var own = policy.Clone();
        own.Force = Wire.Route.Unspecified;
        own.Name = "";
        return own.CalculateSize() > 0;
    }

    private static RpcException Denied(Caller caller, string message)
    {
        caller.CountForbidden();
        return Faults.Create(Code.PermissionDenied, message, ErrorReasons.PermissionDenied).ToRpcException();
    }
}
