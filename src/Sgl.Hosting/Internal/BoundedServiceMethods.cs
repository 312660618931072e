using System.Reflection;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;

namespace Sgl.Hosting.Internal;

/// <summary>
/// Binds the methods of a generated service as the framework does, with one difference: a request is looked over by <see cref="MessageScan"/> before it is
/// parsed.
/// </summary>
internal sealed class BoundedServiceMethods<TService> : IServiceMethodProvider<TService>
    where TService : class
{
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<TService> context)
    {
        for (var type = typeof(TService); type is not null; type = type.BaseType)
        {
            if (type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is { } bind)
            {
                var method = bind.BindType.GetMethod(bind.BindMethodName, BindingFlags.Public | BindingFlags.Static, [typeof(ServiceBinderBase), type])
                    ?? throw new InvalidOperationException($"{bind.BindType} has no method {bind.BindMethodName} that binds {type}.");
                method.Invoke(null, [new Binder(context), null]);
                return;
            }
        }
    }

    private sealed class Binder(ServiceMethodProviderContext<TService> context) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
        {
            var (target, metadata) = Find(method.Name, typeof(TRequest), typeof(ServerCallContext));
            context.AddUnaryMethod(Bounded(method), metadata, target.CreateDelegate<UnaryServerMethod<TService, TRequest, TResponse>>());
        }

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
        {
            var (target, metadata) = Find(method.Name, typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext));
            context.AddClientStreamingMethod(Bounded(method), metadata, target.CreateDelegate<ClientStreamingServerMethod<TService, TRequest, TResponse>>());
        }

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
        {
            var (target, metadata) = Find(method.Name, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
            context.AddServerStreamingMethod(Bounded(method), metadata, target.CreateDelegate<ServerStreamingServerMethod<TService, TRequest, TResponse>>());
        }

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        {
            var (target, metadata) = Find(method.Name, typeof(IAsyncStreamReader<TRequest>), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
            context.AddDuplexStreamingMethod(Bounded(method), metadata, target.CreateDelegate<DuplexStreamingServerMethod<TService, TRequest, TResponse>>());
        }

        private static (MethodInfo Target, IList<object> Metadata) Find(string name, params Type[] parameters)
        {
            var target = typeof(TService).GetMethod(name, parameters) ?? throw new InvalidOperationException($"{typeof(TService)} has no method {name}.");
            return (target, [.. typeof(TService).GetCustomAttributes(true), .. target.GetCustomAttributes(true), new HttpMethodMetadata(["POST"], acceptCorsPreflight: true)]);
        }

        private static Method<TRequest, TResponse> Bounded<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class =>
            new(method.Type, method.ServiceName, method.Name, Bounded(method.RequestMarshaller), method.ResponseMarshaller);

        private static Marshaller<T> Bounded<T>(Marshaller<T> inner)
            where T : class
        {
            if (Activator.CreateInstance<T>() is not IMessage { Descriptor: var type })
            {
                return inner;
            }

            return new Marshaller<T>(inner.ContextualSerializer, context =>
            {
                try
                {
                    return MessageScan.Check(context.PayloadAsReadOnlySequence(), type) is { } found
                        ? throw Faults.InvalidArgument(found.Field, found.Description).ToRpcException()
                        : inner.ContextualDeserializer(context);
                }
                catch (OutOfMemoryException)
                {
                    throw Faults.OutOfMemory().ToRpcException();
                }
            });
        }
    }
}
